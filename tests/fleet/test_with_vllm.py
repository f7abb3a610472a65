"""Two app processes, one PostgreSQL, and one real vLLM that both speak to by its address."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from chat.engines.gguf_folder import folder_of
from chat.engines.vllm import VllmEngine
from chat.engines.vllm_environment import environment_in
from chat.settings import Settings
from perm.types import EngineError
from tests.support.app import App
from tests.support.fleet import Turn, running_apps, statuses
from tests.support.models import small_model
from tests.support.postgres import PostgresServer, postgres_server

__all__ = ["postgres_server"]


def installed() -> str:
    """Why there is no vLLM here; empty where there is one."""
    try:
        environment_in()
    except EngineError as missing:
        return str(missing)
    return ""


pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(sys.platform != "linux", reason="vLLM's CPU build is for Linux"),
    pytest.mark.skipif(bool(installed()), reason=installed()),
]

MESSAGE = "My dog died yesterday."
KEPT = {"consents": {"keep": True}}


@contextmanager
def running_vllm(home: Path) -> Iterator[tuple[str, str]]:
    """Address and key of a vLLM with the small model, in a loop of its own."""
    file = small_model()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> VllmEngine:
        python = environment_in().python
        folder = await folder_of(file, Settings().models_dir, python, lambda _: None)
        log = home / "vllm.log"
        engine = VllmEngine(str(folder), models_dir=home, log_file=log, context_tokens=4096)
        await engine.start()
        await engine.ready()
        return engine

    engine = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield str(engine.chat_model.openai_api_base), engine.chat_model._place.key
    finally:
        asyncio.run_coroutine_threadsafe(engine.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> str:
    return postgres_server.database()


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[list[App]]:
    home = tmp_path_factory.mktemp("vllm-fleet")
    with running_vllm(home) as (url, key):
        served = ("--engine", "vllm", "--base-url", url, "--api-key", key)
        told = ("--method", "direct", "--max-tokens", "96")
        with running_apps(2, home, database, *served, *told) as two:
            yield two


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
        (owners,) = connection.execute("SELECT count(DISTINCT owner) FROM conversation").fetchone()
        verdicts = connection.execute("SELECT status, unscored FROM verdict").fetchall()
        (cached,) = connection.execute("SELECT max(cached_tokens) FROM verdict").fetchone()
    assert owners == 2
    assert len(verdicts) >= 9
    assert not [one for one in verdicts if one[1] == "engine"], "every judge call was answered"
    assert cached, "the rubric that one process had read was not read again for the other"
