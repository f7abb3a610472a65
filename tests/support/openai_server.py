"""An OpenAI-compatible server around the scripted chat model, for tests and benches.

Faults come from the script itself: an `Output` whose failure is an `EngineError` becomes what a
real server would do. RATE_LIMITED is a 429 with Retry-After, SERVER a 500, TOO_LONG and REQUEST a
400, TIMEOUT hangs, GARBAGE answers nonsense, CUT_OFF and UNREACHABLE drop the connection.

    python -m tests.support.openai_server --port 8001 --pace 0.02
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_messages

from chat.engines.scripted import NAME, Script, ScriptedChatModel, Speech
from chat.engines.scripted_demo import Demo
from perm import rubrics
from perm.types import EngineError, EngineFault
from tests.support.serving import serving

DONE: Final = b"data: [DONE]\n\n"
GARBAGE: Final = b"<html><body>It works!</body></html>"

STATUS: Final = {
    EngineFault.UNAUTHORISED: 401,
    EngineFault.RATE_LIMITED: 429,
    EngineFault.SERVER: 500,
    EngineFault.REQUEST: 400,
    EngineFault.TOO_LONG: 400,
    EngineFault.NOT_READY: 503,
}


class ConnectionDropped(Exception):
    """Raised inside a response, so that the server closes the connection in the middle."""


@dataclass
class ScriptedServer:
    """What the server says and can do.

    `logprobs`, `cached_tokens`: whether it gives them. `prefix`: whether an assistant message at
    the end is continued, answered anew, or refused. `requests`: the bodies that came, oldest first.
    `structured`: whether an answer has the form that a schema prescribes. `priority`: what becomes
    of vLLM's field for who goes first; `owner`: whose program it says it is. `voices`: other models
    that it lists; where there are none, any name is taken for its own.
    """

    script: Script = ()
    model_name: str = NAME
    key: str = ""
    logprobs: bool = True
    cached_tokens: bool = True
    prefix: Literal["continue", "ignore", "refuse"] = "continue"
    structured: Literal["honour", "ignore", "refuse"] = "ignore"
    priority: Literal["heed", "ignore", "refuse"] = "ignore"
    owner: str = "tests"
    voices: Mapping[str, Speech] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.model = ScriptedChatModel(self.script, self.voices, model_name=self.model_name)

    @property
    def app(self) -> FastAPI:
        app = FastAPI()
        app.get("/v1/models")(self.models)
        app.post("/v1/chat/completions")(self.complete)
        return app

    async def models(self, request: Request) -> Response:
        if refusal := self._unknown_key(request):
            return refusal
        parents = {self.model_name: None, **dict.fromkeys(self.voices, self.model_name)}
        cards = [
            {"id": name, "object": "model", "created": 0, "owned_by": self.owner, "parent": parent}
            for name, parent in parents.items()
        ]
        return JSONResponse({"object": "list", "data": cards})

    async def complete(self, request: Request) -> Response:
        if refusal := self._unknown_key(request):
            return refusal
        body = await request.json()
        self.requests.append(body)
        messages: list[BaseMessage] = convert_to_messages(body["messages"])
        return self._unable(body, messages) or await self._answer(body, messages)

    async def _answer(self, body: dict[str, Any], messages: list[BaseMessage]) -> Response:
        if isinstance(messages[-1], AIMessage) and self.prefix == "ignore":
            messages = messages[:-1]
        if schema := _schema(body) if self.structured == "honour" else None:
            return await self._prescribed(body, messages, schema)
        chunks = self.model.astream(messages, **self._options(body))
        try:
            first = await anext(chunks)
        except EngineError as failure:
            return await self._failed(failure)
        answer = _Answer(self, body, first, chunks)
        if body.get("stream"):
            return StreamingResponse(answer.stream(), media_type="text/event-stream")
        try:
            return JSONResponse(await answer.whole())
        except EngineError as failure:
            return await self._failed(failure)

    def _unable(self, body: dict[str, Any], messages: list[BaseMessage]) -> Response | None:
        if isinstance(messages[-1], AIMessage) and self.prefix == "refuse":
            return _error(400, "The last message must be the user's.")
        if _schema(body) and self.structured == "refuse":
            return _error(400, "This server knows no response_format.")
        refused = self.priority == "refuse" and body.get("priority")
        unread = self.priority == "heed" and not isinstance(body.get("priority", 0), int)
        if refused or unread:
            return _error(400, "The priority cannot be heeded.")
        return None

    async def _prescribed(
        self, body: dict[str, Any], messages: list[BaseMessage], schema: dict[str, Any]
    ) -> Response:
        """What it would have said, pressed into the form: its own numbers where they are allowed.

        The numbers keep the probabilities of their tokens, as behind a grammar.
        """
        said = await self.model.ainvoke(messages, logprobs=self.logprobs, top_logprobs=20)
        numbers = re.findall(r"[0-9]+", said.text)
        fields, places = {}, []
        content = (said.response_metadata.get("logprobs") or {}).get("content") or []
        for name, kind in schema["properties"].items():
            number = int(numbers.pop(0)) if numbers else None
            fields[name] = number if number in kind["enum"] else kind["enum"][0]
            places += [place for place in content if place["token"] == str(fields[name])][:1]
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": json.dumps(fields)},
            "logprobs": {"content": places} if body.get("logprobs") and self.logprobs else None,
            "finish_reason": "stop",
        }
        head = self.head("chat.completion")
        return JSONResponse({**head, "choices": [choice], "usage": self.usage(said, body)})

    def head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{len(self.requests)}",
            "object": kind,
            "created": int(time.time()),
            "model": self.model_name,
        }

    def usage(self, message: AIMessage, body: dict[str, Any]) -> dict[str, Any] | None:
        found = message.usage_metadata
        if found is None:
            return None
        opened = int(body["messages"][-1]["role"] != "assistant")  # what opens an answer
        usage: dict[str, Any] = {
            "prompt_tokens": found["input_tokens"] + opened,
            "completion_tokens": found["output_tokens"],
            "total_tokens": found["total_tokens"] + opened,
        }
        if self.cached_tokens:
            cached = found.get("input_token_details", {}).get("cache_read", 0)
            usage["prompt_tokens_details"] = {"cached_tokens": cached}
        return usage

    def _options(self, body: dict[str, Any]) -> dict[str, Any]:
        stop = body.get("stop")
        return {
            "stop": [stop] if isinstance(stop, str) else stop,
            "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens"),
            "logprobs": bool(body.get("logprobs")) and self.logprobs,
            "top_logprobs": body.get("top_logprobs"),
            **({"model": body["model"]} if self.voices else {}),
        }

    def _unknown_key(self, request: Request) -> Response | None:
        if not self.key or request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return _error(401, "Incorrect API key provided.", "invalid_api_key")

    async def _failed(self, failure: EngineError) -> Response:
        if failure.fault is EngineFault.TIMEOUT:
            await asyncio.Event().wait()
        if failure.fault is EngineFault.GARBAGE:
            return Response(GARBAGE, media_type="text/html")
        if failure.fault in STATUS:
            code = "context_length_exceeded" if failure.fault is EngineFault.TOO_LONG else None
            answer = _error(STATUS[failure.fault], failure.what, code)
            if failure.retry_after is not None:
                answer.headers["retry-after"] = f"{failure.retry_after:g}"
            return answer
        return StreamingResponse(_dropped(), headers={"content-length": "1000"})


@dataclass
class _Answer:
    """One completion, whole or streamed, in the shape of OpenAI's API."""

    server: ScriptedServer
    body: dict[str, Any]
    first: AIMessageChunk
    rest: AsyncIterator[AIMessageChunk]

    async def whole(self) -> dict[str, Any]:
        merged = self.first
        async for chunk in self.rest:
            merged = merged + chunk
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": merged.text},
            "logprobs": merged.response_metadata.get("logprobs"),
            "finish_reason": merged.response_metadata.get("finish_reason"),
        }
        return {
            **self.server.head("chat.completion"),
            "choices": [choice],
            "usage": self.server.usage(merged, self.body),
        }

    async def stream(self) -> AsyncIterator[bytes]:
        head = self.server.head("chat.completion.chunk")
        usage: dict[str, Any] | None = None
        try:
            async for chunk in self._all():
                usage = self.server.usage(chunk, self.body) or usage
                delta = {"role": "assistant", "content": chunk.text} if chunk.text else {}
                choice = {
                    "index": 0,
                    "delta": delta,
                    "logprobs": chunk.response_metadata.get("logprobs"),
                    "finish_reason": chunk.response_metadata.get("finish_reason"),
                }
                yield _event({**head, "choices": [choice]})
        except EngineError as failure:
            async for piece in self._broken(failure):
                yield piece
            return
        if (self.body.get("stream_options") or {}).get("include_usage"):
            yield _event({**head, "choices": [], "usage": usage})
        yield DONE

    async def _all(self) -> AsyncIterator[AIMessageChunk]:
        yield self.first
        async for chunk in self.rest:
            yield chunk

    async def _broken(self, failure: EngineError) -> AsyncIterator[bytes]:
        """What a stream does in its middle; its status was sent long ago."""
        if failure.fault is EngineFault.TIMEOUT:
            await asyncio.Event().wait()
        if failure.fault is EngineFault.GARBAGE:
            yield b"data: {not json\n\n"
        elif failure.fault in STATUS:
            yield _event({"error": {"message": failure.what, "code": STATUS[failure.fault]}})
        else:
            raise ConnectionDropped


def _schema(body: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (
        (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    )
    return found


async def _dropped() -> AsyncIterator[bytes]:
    yield b"{"
    raise ConnectionDropped


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _error(status: int, message: str, code: str | None = None) -> JSONResponse:
    error = {"message": message, "type": "error", "param": None, "code": code}
    return JSONResponse({"error": error}, status)


@asynccontextmanager
async def running(server: ScriptedServer) -> AsyncIterator[ScriptedServer]:
    """The server on a free port of this machine; `url` is its base URL, with `/v1`."""
    async with serving(server.app) as url:
        server.url = f"{url}/v1"
        yield server


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", default="")
    parser.add_argument("--pace", type=float, default=0.0, help="Seconds a token of a reply.")
    options = parser.parse_args()
    prompts = rubrics.load(Path(__file__).resolve().parents[2] / "prompts")
    server = ScriptedServer(Demo(prompts, options.pace), key=options.key)
    uvicorn.run(server.app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
