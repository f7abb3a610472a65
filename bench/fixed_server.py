"""A scripted server that costs next to nothing: a fixed time a token, and each token tells its own.

Every token of a reply holds the moment at which it was sent (`~2k3x9z1`: microseconds of the
machine's monotonic clock, base 36), so whoever sees it knows how old it is. A judge's call takes
`judge_seconds`, and `judge_pace` a token of its verdict, in one of `seats`: with that the server
has a throughput of its own. `reading` is the time that passes before a reply begins. Canaries
(`canary-1a2b3c4d`) that it was sent it says again at a reply's end. All else is
tests.support.openai_server.

    python -m bench.fixed_server --port 8001 --pace 0.04
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import uvicorn
from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from langchain_core.messages import BaseMessage, convert_to_messages

from chat.engines.scripted_demo import JUDGE_SPEED, TEXTS, Demo
from chat.engines.scripted_judge import ScriptedJudge, load_remarks
from chat.engines.scripted_model import Output, pieces
from chat.settings import ROOT
from perm import rubrics
from tests.support.openai_server import DONE, ScriptedServer

NAME: Final = "fixed"
SENTENCE: Final = 15
"""Tokens of a sentence."""

CANARY: Final = re.compile(r"canary-[0-9a-f]{8}")

_STAMP: Final = re.compile(rb"~([0-9a-z]+)")
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def now() -> int:
    """Microseconds of the monotonic clock, which all processes of a machine share."""
    return time.monotonic_ns() // 1000


def stamp(moment: int) -> str:
    """A token that tells when it was sent."""
    digits = ""
    while moment:
        moment, digit = divmod(moment, 36)
        digits = _DIGITS[digit] + digits
    return f" ~{digits or '0'}"


def stamps(sent: bytes) -> list[int]:
    """The moments of all tokens in what a page was sent."""
    return [int(found, 36) for found in _STAMP.findall(sent)]


class FixedServer(ScriptedServer):
    """`pace`: seconds a token of a reply."""

    def __init__(
        self,
        pace: float,
        *,
        judge_seconds: float = 0.2,
        seats: int = 1000,
        analysis: int = 30,
        response: int = 60,
        judge_pace: float = 0.0,
        reading: float = 0.0,
    ) -> None:
        """`analysis`, `response`: tokens of a reply's parts."""
        prompts = rubrics.load(ROOT / "prompts")
        super().__init__(Demo(prompts, 1 / JUDGE_SPEED), model_name=NAME)
        self._pace, self._judge_seconds, self._judge_pace = pace, judge_seconds, judge_pace
        self._reading = reading
        self._parts = (("# Analysis\n", analysis), ("\n\n# Response\n", response))
        self._seats = asyncio.Semaphore(seats)
        self._judge = ScriptedJudge(prompts, load_remarks(TEXTS / "judge.toml"), 0.0)

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        if body.get("stream") and not body.get("logprobs"):
            heard = dict.fromkeys(CANARY.findall(json.dumps(body["messages"])))
            return StreamingResponse(self._reply(tuple(heard)), media_type="text/event-stream")
        messages = convert_to_messages(body["messages"])
        perspective = self._judge.perspective(messages)
        if body.get("stream") or perspective is None:
            return await super().complete(request)  # the app finds out what the server can do
        said = self._judge.answer(messages, perspective)
        async with self._seats:
            await asyncio.sleep(self._judge_seconds + self._judge_pace * len(pieces(said.text)))
        return JSONResponse(self._verdict(said, messages))

    async def _reply(self, heard: Sequence[str]) -> AsyncIterator[bytes]:
        """Analysis and Response, a token at a time, each as late as its place says."""
        await asyncio.sleep(self._reading)
        begun, place = time.monotonic(), 0
        for heading, tokens in self._parts:
            yield _chunk(heading)
            for number in range(1, tokens + 1):
                place += 1
                await asyncio.sleep(max(0.0, begun + place * self._pace - time.monotonic()))
                yield _chunk(stamp(now()) + ("." if number % SENTENCE == 0 else ""))
        if heard:
            yield _chunk(f" {' '.join(heard)}.")
        yield _chunk(None, place)
        yield DONE

    def _verdict(self, said: Output, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        tokens = pieces(said.text)
        chances = [*said.logprobs, *({token: 0.0} for token in tokens[len(said.logprobs) :])]
        places = [
            {
                "token": token,
                "logprob": given.get(token, -9999.0),
                "top_logprobs": [{"token": one, "logprob": p} for one, p in given.items()],
            }
            for token, given in zip(tokens, chances, strict=False)
        ]
        prompt = sum(len(message.text) for message in messages) // 4
        return {
            "id": "fixed",
            "object": "chat.completion",
            "created": 0,
            "model": NAME,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": said.text},
                    "logprobs": {"content": places},
                    "finish_reason": "stop",
                }
            ],
            "usage": _usage(prompt, len(tokens)),
        }


def _usage(prompt: int, written: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def _chunk(text: str | None, written: int = 0) -> bytes:
    """A piece of a streamed answer; None ends it."""
    choice = {
        "index": 0,
        "delta": {"content": text} if text else {},
        "finish_reason": None if text else "stop",
    }
    head = {"id": "fixed", "object": "chat.completion.chunk", "created": 0, "model": NAME}
    body: dict[str, Any] = {**head, "choices": [choice]}
    if text is None:
        body["usage"] = _usage(500, written)
    return f"data: {json.dumps(body)}\n\n".encode()


def main() -> None:
    parser = argparse.ArgumentParser(description="A server with a fixed time a token.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pace", type=float, default=0.04, help="Seconds a token of a reply.")
    parser.add_argument("--reading", type=float, default=0.0, help="Seconds before a reply.")
    parser.add_argument("--judge-seconds", type=float, default=0.2)
    parser.add_argument("--judge-pace", type=float, default=0.0, help="Seconds a token of it.")
    parser.add_argument("--seats", type=int, default=1000, help="Judge calls at once.")
    parser.add_argument("--analysis", type=int, default=30, help="Tokens of a reply's Analysis.")
    parser.add_argument("--response", type=int, default=60, help="Tokens of a reply's Response.")
    told = parser.parse_args()
    server = FixedServer(
        told.pace,
        judge_seconds=told.judge_seconds,
        judge_pace=told.judge_pace,
        seats=told.seats,
        analysis=told.analysis,
        response=told.response,
        reading=told.reading,
    )
    uvicorn.run(server.app, host="127.0.0.1", port=told.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
