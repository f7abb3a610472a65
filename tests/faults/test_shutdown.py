"""The app is asked to end in the middle of replies: what came is kept, and it ends in time."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from chat.engines.llama_cpp import PROCESS
from tests.conftest import Figures
from tests.faults.conftest import rows
from tests.support.app import running_app
from tests.support.fleet import Turn, until
from tests.support.models import small_model

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

TALKS = 6
MESSAGE = "My boss never listens to me, and I am so tired."
WORK = (16.0, 20.0, 12.0, 24.0, 30.0)
"""Seconds of processor time after which the app is asked to end, a try each. The small model writes
no headings, so that no word of it is shown before its end, and its replies end by chance: one try
that falls into the middle of a reply is enough."""
REPLIES = "SELECT status, raw FROM reply"


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_asked_to_end_in_the_middle_of_replies(
    tmp_path: Path, slow_server: str, figure: Figures, asked: signal.Signals
) -> None:
    options = ("--engine", "openai", "--base-url", slow_server, "--method", "direct")
    with running_app(tmp_path, *options) as app, ExitStack() as stack:
        turns = []
        for _ in range(TALKS):
            client = stack.enter_context(httpx.Client())
            kept = {"message": MESSAGE, "consents": {"keep": True}}
            turns.append(stack.enter_context(Turn(client, app.url, **kept)))
        for turn in turns:
            turn.until("response_delta")
        os.kill(app.pid, asked)
        began = time.monotonic()
        told = [turn.until("reply_done") for turn in turns]
        until(lambda: not app.running)
        seconds = time.monotonic() - began
        assert app.exit_status == 0
    kept_of = rows(app.database, REPLIES)
    assert len(kept_of) == TALKS, "no doubled turn"
    for event in told:
        assert event["status"] == "interrupted"
        assert any(event["response"] in raw for _, raw in kept_of)
    assert all(status == "interrupted" and "# Response" in raw for status, raw in kept_of)
    assert rows(app.database, "PRAGMA integrity_check") == [("ok",)]
    assert [one.name for one in app.data.glob("*-wal")] == [], "closed in order"
    figure(
        "faults.shutdown",
        f"{len(told)} of {TALKS}",
        f"replies kept and marked, their readers told; ended after {seconds:.1f} s",
    )


@pytest.mark.model
@pytest.mark.timeout(420)
def test_its_own_model_server_ends_with_it(tmp_path: Path, figure: Figures) -> None:
    for number, work in enumerate(WORK):
        folder = tmp_path / str(number)
        folder.mkdir()
        servers, status, raw = _ended_while_writing(folder, work)
        left = [pid for pid in servers if Path(f"/proc/{pid}").exists()]
        assert left == []
        if status == "interrupted" and raw:
            break
    else:
        pytest.fail("no try fell into the middle of a reply that was kept")
    figure("faults.shutdown-model", len(left), f"servers left of {len(servers)}; the reply is kept")


def _ended_while_writing(folder: Path, work: float) -> tuple[list[int], str, str]:
    """The model servers that ran, and the reply's status and text as they are kept."""
    model = ("--engine", "llama-cpp", "--model", str(small_model()), "--context-tokens", "4096")
    with running_app(folder, *model, "--max-tokens", "2000", "--method", "direct") as app:
        kept = {"message": "Tell me a very long story.", "consents": {"keep": True}}
        with httpx.Client() as client, Turn(client, app.url, **kept) as turn:
            turn.until("turn_saved")
            until(lambda: model_servers_of(app.pid) != [])
            servers = model_servers_of(app.pid)
            before = worked(servers)
            until(lambda: worked(servers) > before + work or _complete(app.database))
            os.kill(app.pid, signal.SIGTERM)
            told = turn.until("reply_done")["status"]
            until(lambda: not app.running)
    ((status, raw),) = rows(app.database, REPLIES)
    assert status == told
    return servers, status, raw


def _complete(database: Path) -> bool:
    return any(status == "complete" for status, _ in rows(database, REPLIES))


def model_servers_of(pid: int) -> list[int]:
    """The model servers that it started, by the kernel's own list: not what only looked for a card
    or a version and is gone at once."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [int(child) for child in children if PROCESS in _command_of(child)]


def _command_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8")
    except OSError:
        return ""  # it has ended since


def worked(pids: list[int]) -> float:
    """Their processor time so far, in seconds."""
    tick = os.sysconf("SC_CLK_TCK")
    fields = [Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2] for pid in pids]
    return sum(int(one) for all_of in fields for one in all_of.split()[11:13]) / tick
