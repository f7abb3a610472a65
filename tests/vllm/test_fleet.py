"""Two app processes, one PostgreSQL, and one real vLLM that both speak to by its address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from chat.services import Services
from tests.support.app import App
from tests.support.fleet import Turn, running_apps, statuses
from tests.support.postgres import PostgresServer, postgres_server

__all__ = ["postgres_server"]


pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(600),
]

MESSAGE = "My dog died yesterday."
KEPT = {"consents": {"keep": True}}


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> str:
    return postgres_server.database()


@pytest.fixture
def apps(
    tmp_path: Path, database: str, services: Services, address: tuple[str, str]
) -> Iterator[list[App]]:
    url, key = address
    served = ("--engine", "vllm", "--base-url", url, "--api-key", key)
    told = ("--method", "direct", "--max-tokens", "64")
    with running_apps(2, tmp_path, database, *served, *told) as two:
        yield two


def one_of(connection: psycopg.Connection, query: LiteralString) -> Any:
    """The one value that a query finds."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_two_processes_serve_two_people_and_one_conversation(
    apps: list[App], database: str
) -> None:
    first, second = apps
    with httpx.Client() as ada, httpx.Client() as ben:
        with (
            Turn(ada, first.url, message=MESSAGE, **KEPT) as adas,
            Turn(ben, second.url, message="I cannot sleep.", **KEPT) as bens,
        ):
            place = adas.until("turn_saved")["conversation_id"]
            for turn in (adas, bens):
                kinds = [event["event"] for event in turn.events()]
                assert kinds.count("verdict_landed") >= 3, kinds
                assert kinds[-1] == "turn_ended"
        asked = {"conversation_id": place, "message": "He was with me for so long."}
        assert ben.post(f"{second.url}/api/turns", json=asked).status_code == 404
        with Turn(ada, second.url, **asked) as turn:
            assert turn.until("turn_saved")["number"] == 2
            assert turn.until("reply_done")["response"].strip()
            list(turn.events())
    assert len(statuses(database)) == 3
    assert set(statuses(database)) <= {"complete", "cut_short"}
    with psycopg.connect(database) as connection:
        owners = one_of(connection, "SELECT count(DISTINCT owner) FROM conversation")
        verdicts = connection.execute("SELECT status, unscored FROM verdict").fetchall()
        cached = one_of(connection, "SELECT max(cached_tokens) FROM verdict")
    assert owners == 2
    assert len(verdicts) >= 9
    assert not [one for one in verdicts if one[1] == "engine"], "every judge call was answered"
    assert cached, "the rubric that one process had read was not read again for the other"
