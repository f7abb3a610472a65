"""Logs: every line says when, how grave, which part and what; none says what was said."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import app as composition
from chat.logs.lines import event_name, part, places
from chat.logs.setup import QUIET, set_up
from chat.services import Services
from chat.settings import ROOT, EngineName, LogFormat, LogLevel, Settings
from tests.conftest import Figures
from tests.support.app import running_app

pytestmark = pytest.mark.unit

CANARY = "the blue heron stole my keys"
TURN = {
    "persona": f"a nurse, {CANARY}",
    "scenario": f"after work {CANARY}",
    "message": f"I tell you that {CANARY}.",
    "consents": {"keep": True, "research": True, "train": True},
}
LOUD = (
    "sqlalchemy.engine",
    "sqlalchemy.pool",
    "aiosqlite",
    "httpx",
    "openai",
    "asyncio",
    "uvicorn",
)
"""Libraries that log what they are given, once they are told to."""
LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "log")


@pytest.fixture
def loggers() -> Iterator[None]:
    """Puts back what a test does to the process's loggers, and gives the app's own server's back.

    Other tests start uvicorn with a configuration and level of its own, which would hold them.
    """
    root = logging.getLogger()
    uvicorn, server = logging.getLogger("uvicorn"), logging.getLogger("uvicorn.error")
    for one in (uvicorn, server):
        one.handlers[:], one.propagate, one.disabled = [], True, False
        one.setLevel(logging.NOTSET)
    before = {name: logging.getLogger(name).level for name in (*LOUD, *QUIET)}
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    logging.getLogger("uvicorn.access").disabled = False
    for name, earlier in before.items():
        logging.getLogger(name).setLevel(earlier)


def read(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


async def talk(folder: Path) -> None:
    """Everything that a person's words go through: a turn, an edit, a search, refusals, a fault."""
    settings = Settings(
        engine=EngineName.SCRIPTED, data_dir=folder, scripted_pace=0, prompts_dir=ROOT / "prompts"
    )
    services = await Services.start(settings)
    transport = httpx.ASGITransport(composition.build(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:7860", timeout=60
    ) as client:
        answer = await client.post("/api/turns", json=TURN)
        assert "verdict_landed" in answer.text
        await client.post("/api/turns", json=TURN | {"message": f"{CANARY} " * 3000})
        await client.post("/api/turns", json=TURN | {"model": CANARY})
        await client.post("/api/score", json={"persona": CANARY})
        await client.post("/api/turns", content=f'{{"message": "{CANARY}')
        await client.get("/api/export", params={"format": CANARY})
        await client.get(f"/api/{CANARY}")
    await services.stop()


@pytest.mark.parametrize(
    ("level", "how"),
    [*((level, LogFormat.JSON) for level in LogLevel), (LogLevel.DEBUG, LogFormat.TEXT)],
)
async def test_no_line_holds_what_was_said_at_any_level(
    level: LogLevel, how: LogFormat, tmp_path: Path, loggers: None
) -> None:
    out = io.StringIO()
    set_up(level, how, out)
    for name in LOUD:
        logging.getLogger(name).setLevel(level.upper())
    await talk(tmp_path)
    assert CANARY not in out.getvalue()
    if level in (LogLevel.DEBUG, LogLevel.INFO):
        assert "reply" in out.getvalue()
    if how is LogFormat.JSON:
        for line in read(out):
            assert {"time", "level", "part", "event"} <= set(line), line


async def test_a_turn_is_told_with_ids_and_lengths(tmp_path: Path, loggers: None) -> None:
    out = io.StringIO()
    set_up(LogLevel.DEBUG, LogFormat.JSON, out)
    await talk(tmp_path)
    told = {line["event"]: line for line in read(out)}
    assert len(told["turn_saved"]["conversation_id"]) == 36
    done = told["reply_done"]
    assert done["status"] == "complete" and done["response_chars"] > 10
    assert done["reply_id"] == told["turn_saved"]["reply_id"]
    assert told["verdict_landed"]["perspective"]
    assert told["turn_saved"]["part"] == "logs" and told["turn_saved"]["level"] == "info"
    assert told["turn_saved"]["time"].endswith("+00:00")


def test_another_librarys_words_and_an_errors_text_are_not_repeated(loggers: None) -> None:
    out = io.StringIO()
    set_up(LogLevel.DEBUG, LogFormat.JSON, out)
    foreign = logging.getLogger("aiosqlite")
    foreign.debug("executing %s", CANARY)
    foreign.warning("failed %s", CANARY, extra={"row": CANARY})
    foreign.error(f"failed on {CANARY}")
    warnings.warn(CANARY, stacklevel=1)
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise ValueError(CANARY) from error
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    lines = read(out)
    assert CANARY not in out.getvalue()
    assert [line["event"] for line in lines] == [
        *("logged", "logged", "logged"),
        "exception_in_asgi_application",
    ]
    assert lines[0]["message"] == "failed %s" and "row" not in lines[0]
    assert "ValueError" in lines[-1]["places"] and "KeyError" in lines[-1]["places"]
    assert "test_logs.py" in lines[-1]["places"]


def test_parts_and_events_have_names_that_stay(loggers: None) -> None:
    assert [part(name) for name in ("chat.store.errors", "chat.services", "perm.training.x")] == [
        *("store", "services", "training"),
    ]
    assert part("uvicorn.error") == "uvicorn"
    record = logging.makeLogRecord(
        {"name": "chat.x", "msg": "study %s is %d times gone", "args": ()}
    )
    assert event_name(record) == "study_is_times_gone"


def test_a_groups_errors_are_all_placed() -> None:
    try:
        try:
            raise TimeoutError(CANARY)
        except TimeoutError as error:
            raise ExceptionGroup(CANARY, [error, OSError(CANARY)]) from None
    except ExceptionGroup as group:
        told = places(group)
    assert CANARY not in told
    assert "TimeoutError" in told and "OSError" in told


def test_every_call_of_ours_logs_a_pattern() -> None:
    """A message that is put together before it is logged would be nobody's name for an event."""
    wanting = []
    for path in (*ROOT.glob("chat/**/*.py"), *ROOT.glob("perm/**/*.py"), ROOT / "app.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
                and node.func.attr in LEVELS
            ):
                pattern = node.args[1] if node.func.attr == "log" else node.args[0]
                if not (isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)):
                    wanting.append(f"{path.name}:{node.lineno}")
    assert wanting == []


async def test_the_app_as_it_is_started_logs_json_alone(tmp_path: Path, figure: Figures) -> None:
    def said() -> list[str]:
        with running_app(
            tmp_path, "--log-format", "json", "--log-level", "debug", "--scripted-pace", "0"
        ) as app:
            answer = httpx.post(f"{app.url}/api/turns", json=TURN, timeout=60)
            assert "turn_ended" in answer.text
            httpx.get(f"{app.url}/history", params={"words": CANARY}, timeout=60)
        return app.log.read_text().splitlines()

    lines = await asyncio.to_thread(said)
    canaries = sum(CANARY in line for line in lines)
    figure("operations.logs", canaries, f"canaries in {len(lines)} lines")
    assert canaries == 0
    told = [json.loads(line) for line in lines]
    assert all({"time", "level", "part", "event"} <= set(line) for line in told)
    events = [line["event"] for line in told]
    assert "serving" in events and "reply_done" in events
