"""How the app ends: in its own order, whatever asked it to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from app import Server
from tests.support.app import free_port

pytestmark = pytest.mark.unit


class Writing:
    """Stands for the session: who reads is told when it is closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.read_by = asyncio.Event()
        self.session = self

    async def close(self) -> None:
        self.closed.set()

    async def told(self) -> AsyncIterator[str]:
        self.read_by.set()
        yield "begun "
        await self.closed.wait()
        yield "marked"


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
async def test_a_signal_lets_readers_hear_the_end_and_what_follows_is_done(
    asked: signal.Signals,
) -> None:
    before = signal.getsignal(asked)
    writing, app, port = Writing(), FastAPI(), free_port()
    app.get("/")(lambda: StreamingResponse(writing.told()))
    config = uvicorn.Config(app, port=port, log_level="critical", lifespan="off")
    serving = asyncio.create_task(Server(config, writing).serve())  # type: ignore[arg-type]
    transport = httpx.AsyncHTTPTransport(retries=8)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        reading = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await asyncio.wait_for(writing.read_by.wait(), 30)
        os.kill(os.getpid(), asked)
        await asyncio.wait_for(serving, 30)  # and this process is still there
        assert (await reading).text == "begun marked"
    assert signal.getsignal(asked) is before
