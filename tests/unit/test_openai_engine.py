"""The life of the engine `openai`: its model found, its server waited for, its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import Response
from pydantic import SecretStr

from chat.engines import served
from chat.engines.base import Phase
from chat.engines.openai import OpenAIEngine
from perm.types import EngineError, EngineFault
from tests.support.odd_server import CANARY, Behaviour, OddServer, engine_at, odd, refused
from tests.support.serving import serving
from tests.support.waiting import until

pytestmark = pytest.mark.unit


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
    async with serving(OddServer(handler=Behaviour()).app, port):
        await until(lambda: engine.state.phase is Phase.READY)
        await engine.ready()
    await engine.stop()
    with pytest.raises(EngineError, match="stopped"):
        await engine.ready()


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
