"""The engine `openai` and its chat model, against servers that stand for real ones."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from langchain_core.messages import AIMessageChunk
from pydantic import SecretStr

from chat import engines
from chat.engines import served
from chat.engines.base import Phase
from chat.engines.chat_openai import ServedChatModel
from chat.engines.faults import retry_after
from chat.engines.openai import OPENAI_URL, OpenAIEngine, context_of
from chat.engines.scripted import Output, ScriptedEngine
from chat.settings import EngineName, Settings, SettingsError
from perm.types import EngineError, EngineFault
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit

CANARY = "sk-canary-1f9d8e7c6b5a"
SECRET_WORDS = "the words that nobody else may see"

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


# -- faults -------------------------------------------------------------------------------------


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


# -- keys ---------------------------------------------------------------------------------------


async def test_the_key_goes_to_its_address_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    async with odd(refused(400)) as other:

        async def elsewhere(_: dict[str, Any]) -> Response:
            return RedirectResponse(f"{other.url}/chat/completions", 307)

        async with odd(elsewhere) as server:
            for key in (CANARY, ""):
                with pytest.raises(EngineError):
                    await model_at(server.url, key).ainvoke("x")
        assert other.requests == [], "a redirect is not followed"
    with_key, without = server.headers
    assert with_key["authorization"] == f"Bearer {CANARY}"
    assert "authorization" not in without
    for sent in server.headers:
        assert "openai-organization" not in sent
        assert "openai-project" not in sent


async def test_no_key_in_representations_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with odd(refused(401, CANARY)) as server:
        engine = OpenAIEngine(server.url, SecretStr(CANARY), "m")
        await engine.start()
        with pytest.raises(EngineError) as told:
            await engine.ready()
        model = engine.chat_model
        shown = [repr(model), str(model), repr(engine), str(vars(engine)), str(engine.state)]
        shown += [json.dumps(model.to_json(), default=str), str(model.model_dump())]
        with pytest.raises(EngineError):
            await model.ainvoke(SECRET_WORDS)
        await engine.stop()
    for text in [*shown, repr(told.value), caplog.text]:
        assert CANARY not in text
    assert SECRET_WORDS not in caplog.text


async def test_openais_own_address_takes_the_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    engine = OpenAIEngine("", SecretStr(""), "gpt-4o-mini")
    assert str(engine.chat_model.root_async_client.base_url).rstrip("/") == OPENAI_URL
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SettingsError, match="needs an API key"):
        OpenAIEngine("", SecretStr(""), "gpt-4o-mini")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://a/v1", "http://", "http://[::1"])
def test_an_address_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(SettingsError, match="must begin with http"):
        OpenAIEngine(url, SecretStr(""), "m")


def test_a_password_in_the_address_is_refused_without_being_repeated() -> None:
    with pytest.raises(SettingsError) as told:
        OpenAIEngine(f"http://user:{CANARY}@host/v1", SecretStr(""), "m")
    assert CANARY not in str(told.value)


# -- requests -----------------------------------------------------------------------------------


async def test_other_servers_get_the_older_name_of_the_limit() -> None:
    async with odd(streamed(delta("a"), delta("", "stop"))) as server:
        await collected(model_at(server.url), max_tokens=9, response_format={"type": "json"})
    (body,) = server.requests
    assert body["max_tokens"] == 9
    assert "max_completion_tokens" not in body
    assert body["response_format"] == {"type": "json"}
    assert body["stream_options"] == {"include_usage": True}


async def test_a_cut_off_structured_answer_is_an_answer() -> None:
    """The SDK's own handling of response formats would throw it away."""

    async def half(_: dict[str, Any]) -> Response:
        message = {"role": "assistant", "content": '{"choice": "zeb'}
        choice = {"index": 0, "message": message, "finish_reason": "length"}
        return JSONResponse({"id": "1", "object": "chat.completion", "choices": [choice]})

    async with odd(half) as server:
        answer = await model_at(server.url).ainvoke("x", response_format={"type": "json_object"})
    assert answer.text == '{"choice": "zeb'
    assert answer.response_metadata["finish_reason"] == "length"


# -- the engine ---------------------------------------------------------------------------------


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


CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (
            Behaviour(prefix="continued", structured="honoured", cached=True),
            {"assistant_prefix": True, "structured_choice": True, "cached_tokens": True},
        ),
        (Behaviour(prefix="asked"), {"assistant_prefix": True, "prefix_options": CONTINUE}),
        (Behaviour(prefix="closed"), {"assistant_prefix": False, "prefix_options": {}}),
        (Behaviour(prefix="mistral"), {"assistant_prefix": False}),
        (
            Behaviour(structured="ignored"),
            {"structured_choice": False, "schema_ignored": True, "cached_tokens": False},
        ),
        (Behaviour(structured="refused"), {"structured_choice": False, "schema_ignored": False}),
        (Behaviour(logprobs=20), {"logprobs": True, "top_logprobs": 20}),
        (Behaviour(logprobs=5), {"logprobs": True, "top_logprobs": 5}),
        (Behaviour(logprobs=0), {"logprobs": False, "top_logprobs": 0}),
        (Behaviour(usage=False), {"read_speed": None, "assistant_prefix": False}),
        (Behaviour(words=1), {"write_speed": None}),
    ],
)
async def test_capabilities_are_found_out(behaviour: Behaviour, expected: dict[str, Any]) -> None:
    async with odd(behaviour) as server:
        engine = await engine_at(server)
        found = engine.capabilities
        assert {name: getattr(found, name) for name in expected} == expected
        assert len(server.requests) <= 12
        await engine.stop()


async def test_speeds_are_measured() -> None:
    async with odd(Behaviour(pace=0.1)) as server:
        engine = await engine_at(server)
        found = engine.capabilities
        await engine.stop()
    assert found.read_speed is not None
    assert found.read_speed > 0
    assert found.write_speed is not None
    assert 2 < found.write_speed < 15, "the stand-in writes ten words a second"


async def test_the_first_model_listed_serves_where_none_is_named() -> None:
    cards = [{"id": "first", "max_model_len": 8192}, {"id": "second"}]
    async with odd(Behaviour(), cards=cards) as server:
        engine = await engine_at(server, "")
        assert engine.model_name == "first"
        assert engine.capabilities.context_tokens == 8192
        assert {body["model"] for body in server.requests} == {"first"}
        await engine.stop()


async def test_no_model_at_all_is_told() -> None:
    async with odd(Behaviour(), cards=[]) as server:
        with pytest.raises(EngineError, match="lists no model") as told:
            await engine_at(server, "")
    assert told.value.fault is EngineFault.NOT_READY


def test_a_context_is_read_from_the_list_where_it_is_told() -> None:
    assert context_of({"max_model_len": 4096}) == 4096
    assert context_of({"meta": {"n_ctx": 2048}}) == 2048
    assert context_of({"meta": None, "max_model_len": "many"}) is None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_a_server_that_comes_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "SHORTEST_PAUSE", 0.05)
    async with odd(Behaviour()) as server:
        url, server.url = server.url, ""
    engine = OpenAIEngine(url, SecretStr(""), "m")
    await engine.start()
    with pytest.raises(EngineError, match="cannot be reached") as told:
        await engine.ready()
    assert told.value.fault is EngineFault.NOT_READY
    assert engine.state.phase is Phase.FAILED
    assert "tried again" in engine.state.todo
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    async with odd_on(port):
        await until(lambda: engine.state.phase is Phase.READY)
        await engine.ready()
    await engine.stop()
    with pytest.raises(EngineError, match="stopped"):
        await engine.ready()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - an engine has no event for it
            await asyncio.sleep(0.02)


@asynccontextmanager
async def odd_on(port: int) -> AsyncIterator[None]:
    """A stand-in on a given port."""
    import uvicorn

    config = uvicorn.Config(
        OddServer(handler=Behaviour()).app, port=port, log_level="critical", lifespan="off"
    )
    runner = uvicorn.Server(config)
    task = asyncio.create_task(runner.serve())
    yield
    runner.should_exit = runner.force_exit = True
    await task


async def test_a_key_that_is_not_accepted_is_final() -> None:
    async with odd(refused(401)) as server:
        engine = OpenAIEngine(server.url, SecretStr(CANARY), "m")
        await engine.start()
        with pytest.raises(EngineError, match="API key"):
            await engine.ready()
        asked = len(server.headers)
        await asyncio.sleep(0.1)
        assert len(server.headers) == asked, "a wrong key is not tried again"
        await engine.stop()


async def test_stop_ends_the_waiting_and_is_idempotent() -> None:
    async def silent(_: dict[str, Any]) -> Response:
        await asyncio.sleep(60)
        return Response()

    async with odd(silent) as server:
        engine = OpenAIEngine(server.url, SecretStr(""), "m")
        await engine.start()
        await engine.start()
        waiting = asyncio.create_task(engine.ready())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await engine.stop()
        await engine.stop()
        with pytest.raises(EngineError, match="stopped"):
            await waiting


# -- build --------------------------------------------------------------------------------------


def settings(**fields: Any) -> Settings:
    return Settings.model_construct(**(Settings().model_dump() | fields))


def place(engine: Any) -> tuple[str, str, str]:
    assert isinstance(engine, OpenAIEngine)
    model = engine.chat_model
    return str(model.root_async_client.base_url).rstrip("/"), model._place.key, engine.model_name


HERE: dict[str, Any] = {
    "engine": EngineName.OPENAI,
    "base_url": "http://here/v1",
    "api_key": SecretStr("here-key"),
    "model": "here-model",
}


@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        ({}, ("http://here/v1", "here-key", "here-model")),
        ({"judge_model": "other"}, ("http://here/v1", "here-key", "other")),
        ({"judge_base_url": "http://there/v1"}, ("http://there/v1", "", "")),
        (
            {
                "judge_base_url": "http://there/v1",
                "judge_api_key": SecretStr("there-key"),
                "judge_model": "j",
            },
            ("http://there/v1", "there-key", "j"),
        ),
        (
            {"judge_base_url": "http://here/v1", "judge_api_key": SecretStr("own")},
            ("http://here/v1", "own", "here-model"),
        ),
    ],
)
def test_a_judge_gets_the_supporters_key_only_at_the_supporters_address(
    judge: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert place(engines.build(settings(**HERE, **judge), "judge")) == expected


def test_an_address_for_the_judge_means_the_engine_openai() -> None:
    chosen = settings(
        engine=EngineName.SCRIPTED,
        judge_base_url="http://there/v1",
        api_key=SecretStr("supporters"),
    )
    assert isinstance(engines.build(chosen, "supporter"), ScriptedEngine)
    assert place(engines.build(chosen, "judge")) == ("http://there/v1", "", "")


def test_an_address_with_an_engine_that_has_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="llama-cpp"):
        engines.build(settings(base_url="http://here/v1"), "supporter")
