"""What goes wrong at a server of OpenAI's API: each has its fault and its words."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import JSONResponse

from chat.engines.faults import retry_after
from chat.engines.scripted import Output
from perm.types import EngineError, EngineFault
from tests.support.app import free_port
from tests.support.odd_server import (
    CANARY,
    SECRET_WORDS,
    Handler,
    collected,
    delta,
    model_at,
    odd,
    refused,
    streamed,
)
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit


async def failure(handler: Handler, *, stream: bool, patience: float = 5.0) -> EngineError:
    async with odd(handler) as server:
        model = model_at(server.url, patience=patience)
        with pytest.raises(EngineError) as told:
            await (collected(model) if stream else model.ainvoke(SECRET_WORDS))
        assert len(server.requests) == 1, "never tried again behind the caller's back"
    return told.value


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    ("handler", "fault"),
    [
        (refused(401, f"Incorrect API key provided: {CANARY}"), EngineFault.UNAUTHORISED),
        (refused(403), EngineFault.UNAUTHORISED),
        (refused(404, "The model `m` does not exist"), EngineFault.REQUEST),
        (refused(400, f"Bad: {SECRET_WORDS}", "bad_thing"), EngineFault.REQUEST),
        (refused(422, f"input: {SECRET_WORDS}"), EngineFault.REQUEST),
        (refused(400, "too long", "context_length_exceeded"), EngineFault.TOO_LONG),
        (refused(400, "This model's maximum context length is 4096"), EngineFault.TOO_LONG),
        (refused(400, "x", "exceed_context_size_error"), EngineFault.TOO_LONG),
        (refused(413), EngineFault.TOO_LONG),
        (refused(429), EngineFault.RATE_LIMITED),
        (refused(500), EngineFault.SERVER),
        (refused(503), EngineFault.SERVER),
        (refused(504), EngineFault.TIMEOUT),
    ],
)
async def test_every_refusal_has_its_fault_and_words(
    handler: Handler, fault: EngineFault, stream: bool
) -> None:
    error = await failure(handler, stream=stream)
    assert error.fault is fault
    assert error.what.endswith(".")
    assert error.todo
    for told in (str(error), repr(error), repr(error.__cause__), repr(error.__context__)):
        assert CANARY not in told
        assert SECRET_WORDS not in told


async def test_short_codes_are_told_and_sentences_are_not() -> None:
    error = await failure(refused(400, SECRET_WORDS, "unsupported_value"), stream=False)
    assert "400, unsupported_value" in error.what


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_retry_after_reaches_the_caller(stream: bool) -> None:
    error = await failure(refused(429, **{"retry-after": "7"}), stream=stream)
    assert error.retry_after == 7.0
    assert error.retryable


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, now) == 30.0
    assert retry_after({"retry-after": "Wed, 31 Dec 2025 00:00:00 GMT"}, now) == 0.0
    for useless in ("", "soon", "-3", "nan", "9" * 30, "32 Foo 2026"):
        assert retry_after({"retry-after": useless}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("handler", "fault"),
    [
        (streamed(delta("half a")), EngineFault.CUT_OFF),
        (streamed(delta("half a"), broken=True), EngineFault.CUT_OFF),
        (streamed(delta("half a"), '{"error": {"message": "oops"}}'), EngineFault.CUT_OFF),
        (streamed('{"error": {"message": "oops", "code": 500}}'), EngineFault.SERVER),
        (streamed('{"error": {"message": "prompt is too long"}}'), EngineFault.TOO_LONG),
        (streamed("{not json"), EngineFault.GARBAGE),
        (streamed(delta("a"), "{not json"), EngineFault.GARBAGE),
        (streamed(), EngineFault.CUT_OFF),
        (streamed(broken=True), EngineFault.CUT_OFF),
        (streamed('{"choices": 7}'), EngineFault.GARBAGE),
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer")
async def test_a_stream_that_fails_says_how(handler: Handler, fault: EngineFault) -> None:
    assert (await failure(handler, stream=True)).fault is fault


async def test_what_came_before_a_break_is_not_lost() -> None:
    async with odd(streamed(delta("half "), delta("a word"))) as server:
        came = ""
        with pytest.raises(EngineError):
            async for chunk in model_at(server.url).astream("x"):
                came += chunk.text
    assert came == "half a word"


async def test_an_answer_that_is_none_is_garbage() -> None:
    async def page(_: dict[str, Any]) -> Response:
        return Response("<html>It works!</html>", media_type="text/html")

    async def empty(_: dict[str, Any]) -> Response:
        return JSONResponse({"choices": None})

    async def listed(_: dict[str, Any]) -> Response:
        return JSONResponse([1, 2])

    for handler in (page, empty, listed):
        assert (await failure(handler, stream=False)).fault is EngineFault.GARBAGE


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_silent_server_is_a_timeout(stream: bool) -> None:
    async def silent(_: dict[str, Any]) -> Response:
        await asyncio.sleep(3)
        return Response()

    began = time.monotonic()
    error = await failure(silent, stream=stream, patience=0.3)
    assert error.fault is EngineFault.TIMEOUT
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_nobody_there_is_unreachable(stream: bool) -> None:
    model = model_at(f"http://127.0.0.1:{free_port()}/v1")
    with pytest.raises(EngineError) as told:
        await (collected(model) if stream else model.ainvoke("x"))
    assert told.value.fault is EngineFault.UNREACHABLE


async def test_a_scripted_servers_faults_arrive_as_they_were_meant() -> None:
    meant = EngineError(EngineFault.RATE_LIMITED, "x", retry_after=3)
    async with running(ScriptedServer([Output(text="a b", failure=meant)])) as server:
        with pytest.raises(EngineError) as told:
            await model_at(server.url).ainvoke("x")
    assert (told.value.fault, told.value.retry_after) == (EngineFault.RATE_LIMITED, 3.0)
