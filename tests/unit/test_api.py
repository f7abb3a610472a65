"""The HTTP API as a whole: its health, and errors in words whatever is asked."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from chat.engines.scripted import ScriptedEngine
from chat.services import Services
from tests.support.api import (
    SECRET,
    app_of,
    client_of,
    error_of,
    services,
    services_with,
    settings_in,
)

__all__ = ["services"]

pytestmark = pytest.mark.unit


async def test_health_names_every_part(services: Services) -> None:
    await services.supporter.ready()
    async with client_of(services) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 200
    found = answer.json()
    assert found["ready"] is True
    assert found["engine"]["name"] == found["judge"]["name"] == "scripted"
    assert found["engine"]["detail"] == "scripted: not a real judge"
    assert found["store"]["name"].startswith("SQLite")


async def test_health_is_503_while_a_part_is_not_ready(tmp_path: Path) -> None:
    engine, settings = ScriptedEngine(start_seconds=60), settings_in(tmp_path)
    async with services_with(engine, settings) as services, client_of(services) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 503
    found = answer.json()
    assert (found["ready"], found["engine"]["phase"], found["store"]["ready"]) == (
        *(False, "starting"),
        True,
    )


async def test_unknown_addresses_methods_and_faults_are_json_too(services: Services) -> None:
    app = app_of(services)

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError(SECRET)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://perm") as client:
        answers = [
            await client.get("/api/nothing"),
            await client.get("/api/turns"),
            await client.get("/broken"),
        ]
    assert [answer.status_code for answer in answers] == [404, 404, 500]
    for answer in answers:
        error_of(answer)
        assert SECRET not in answer.text
