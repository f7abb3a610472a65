"""The HTTP API over a scripted engine, and who asks it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI, Request

from chat import api
from chat.engines.scripted import ScriptedEngine
from chat.services import Services
from chat.serving import Serving
from chat.session import Session
from chat.settings import EngineName, Settings
from chat.store import Store
from perm import rubrics

ROOT: Final = Path(__file__).parents[2]
SECRET: Final = "I stole the blue bicycle"
TURN: Final = {"persona": "a nurse", "scenario": "After work.", "message": "My boss laughed at me."}
KEPT: Final = {"consents": {"keep": True}}
RECORD: Final = {
    "persona": {"identity": "a nurse"},
    "scenario": "After work.",
    "dialogue": ["My boss laughed at me."],
    "completion": "# Analysis\nThey are ashamed.\n\n# Response\nThat hurts. Who else was there?",
}


def settings_in(folder: Path, **changes: Any) -> Settings:
    return Settings(
        engine=EngineName.SCRIPTED,
        database_url=f"sqlite:///{folder / 'test.db'}",
        data_dir=folder,
        prompts_dir=ROOT / "prompts",
        **changes,
    )


@asynccontextmanager
async def services_with(engine: ScriptedEngine, settings: Settings) -> AsyncIterator[Services]:
    prompts = rubrics.load(settings.prompts_dir)
    kept = await Store.open(settings.database, data_dir=settings.data_dir)
    unkept = await Store.open("sqlite:///:memory:")
    session = Session(Serving.compose(settings, prompts, engine, engine), kept, unkept)
    services = Services(settings, prompts, engine, engine, kept, session)
    await engine.start()
    try:
        yield services
    finally:
        await services.stop()


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    engine = ScriptedEngine.demo(rubrics.load(ROOT / "prompts"), pace=0)
    async with services_with(engine, settings_in(tmp_path)) as found:
        yield found


def owner_of(request: Request) -> str:
    return request.headers.get("x-owner", "ann")


def app_of(services: Services) -> FastAPI:
    app = FastAPI()
    app.include_router(api.router(services, owner_of))
    api.handle_errors(app)
    return app


def client_of(services: Services, owner: str = "ann") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_of(services), raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://perm", headers={"x-owner": owner}
    )


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream, as a browser's EventSource reads them."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def take(client: httpx.AsyncClient, **body: Any) -> list[tuple[str, dict[str, Any]]]:
    answer = await client.post("/api/turns", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.text)


def error_of(answer: httpx.Response) -> dict[str, str]:
    error: dict[str, str] = answer.json()["error"]
    assert set(error) == {"part", "what", "todo"}
    assert error["what"]
    return error
