"""A server of OpenAI's API whose answers a test writes itself, and who asks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from langchain_core.messages import AIMessageChunk
from pydantic import SecretStr

from chat.engines.chat_openai import ServedChatModel
from chat.engines.openai import OpenAIEngine
from tests.support.openai_server import ScriptedServer, running

CANARY: Final = "sk-canary-1f9d8e7c6b5a"
SECRET_WORDS: Final = "the words that nobody else may see"

Handler = Callable[[dict[str, Any]], Awaitable[Response]]


@dataclass
class OddServer(ScriptedServer):
    """A server whose answers a test writes itself, and that remembers what was sent."""

    handler: Handler | None = None
    cards: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "m"}])
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def app(self) -> FastAPI:
        app = FastAPI()
        app.get("/v1/models")(self.listed)
        app.post("/v1/chat/completions")(self.handled)
        return app

    async def listed(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        return JSONResponse({"object": "list", "data": self.cards})

    async def handled(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        body = await request.json()
        self.requests.append(body)
        assert self.handler is not None
        return await self.handler(body)


def refused(status: int, message: str = "", code: str | None = None, **headers: str) -> Handler:
    async def handler(_: dict[str, Any]) -> Response:
        error = {"message": message, "type": "error", "code": code, "param": None}
        return JSONResponse({"error": error}, status, headers=headers)

    return handler


def streamed(*events: str, broken: bool = False, pace: float = 0.01) -> Handler:
    async def handler(_: dict[str, Any]) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for event in events:
                yield f"data: {event}\n\n".encode()
                await asyncio.sleep(pace)
            if broken:
                raise ConnectionAbortedError

        return StreamingResponse(body(), media_type="text/event-stream")

    return handler


def delta(text: str, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [choice]})


def model_at(url: str, key: str = CANARY, patience: float = 5.0) -> ServedChatModel:
    return ServedChatModel.at(url, key, "m", server="The server", patience=patience)


async def collected(model: ServedChatModel, **options: Any) -> AIMessageChunk:
    whole: AIMessageChunk | None = None
    async for chunk in model.astream(SECRET_WORDS, **options):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    return whole


@asynccontextmanager
async def odd(handler: Handler | None = None, **fields: Any) -> AsyncIterator[OddServer]:
    async with running(OddServer(handler=handler, **fields)) as server:
        assert isinstance(server, OddServer)
        yield server


@dataclass
class Behaviour:
    """What a real kind of server does; `prefix` as vLLM, llama.cpp or OpenAI treat one."""

    logprobs: int = 20
    prefix: str = "closed"  # continued | asked (when told to) | closed | mistral
    structured: str = "ignored"  # honoured | ignored | refused
    cached: bool = False
    usage: bool = True
    words: int = 12
    pace: float = 0.001

    async def __call__(self, body: dict[str, Any]) -> Response:
        if body.get("top_logprobs", 0) > self.logprobs:
            return await refused(400, "Invalid value for top_logprobs")(body)
        structured = self.structured if "response_format" in body else "ignored"
        if structured == "refused":
            return await refused(400, "response_format is not supported")(body)
        words = ["word"] * min(self.words, body["max_tokens"])
        text = '{"choice": "zebra"}' if structured == "honoured" else " ".join(words)
        answer = self._answer(body, text, len(words))
        if not body.get("stream"):
            return JSONResponse(answer)
        return await streamed(*self._events(body, answer, words), "[DONE]", pace=self.pace)(body)

    def _prompt_tokens(self, body: dict[str, Any]) -> int:
        messages = body["messages"]
        count = sum(4 + len(str(message["content"]).split()) for message in messages)
        if messages[-1]["role"] != "assistant":
            return count + 3  # what opens the answer
        continued = self.prefix == "continued" or (
            self.prefix == "asked"
            and body.get("continue_final_message") is True
            and body.get("add_generation_prompt") is False
        )
        return count - 1 + (0 if continued else 1 if self.prefix == "mistral" else 5)

    def _answer(self, body: dict[str, Any], text: str, written: int) -> dict[str, Any]:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "logprobs": self._logprobs(body, 1),
            "finish_reason": "stop",
        }
        asked = self._prompt_tokens(body)
        usage: dict[str, Any] = {
            "prompt_tokens": asked,
            "completion_tokens": written,
            "total_tokens": asked + written,
        }
        if self.cached:
            usage["prompt_tokens_details"] = {"cached_tokens": 0}
        answer = {"id": "1", "object": "chat.completion", "choices": [choice]}
        return answer | ({"usage": usage} if self.usage else {})

    def _logprobs(self, body: dict[str, Any], count: int) -> dict[str, Any] | None:
        if not (self.logprobs and body.get("logprobs")):
            return None
        top = [{"token": "a", "logprob": -1.0, "bytes": None}] * body["top_logprobs"]
        return {
            "content": [{"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": top}] * count
        }

    def _events(self, body: dict[str, Any], answer: dict[str, Any], words: list[str]) -> list[str]:
        def event(**fields: Any) -> str:
            return json.dumps({"id": "1", "object": "chat.completion.chunk", **fields})

        def choice(text: str, finish: str | None) -> dict[str, Any]:
            made = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
            return made | {"logprobs": self._logprobs(body, 1) if text else None}

        pieces = [event(choices=[choice(word, None)]) for word in words]
        last = event(choices=[], usage=answer["usage"]) if self.usage else ""
        return [*pieces, event(choices=[choice("", "stop")]), *([last] if last else [])]


async def engine_at(server: OddServer, model: str = "m") -> OpenAIEngine:
    engine = OpenAIEngine(server.url, SecretStr(""), model)
    await engine.start()
    await engine.ready()
    return engine
