"""kill -9 at random moments: of a turn, and of the app as people start it."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.conftest import Figures
from tests.faults.conftest import rows
from tests.support import talker
from tests.support.app import running_app
from tests.support.fleet import Turn
from tests.support.kills import killed_at_random

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

KILLS = 200
ACKNOWLEDGED = 20
"""At most so many before a kill: two turns and a half."""

APP_KILLS = 3
TALKS = 3


async def test_killed_at_random_moments_of_a_turn(tmp_path: Path, figure: Figures) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'chat.db'}"
    found = await killed_at_random(talker.talk_for_ever, url, tmp_path, KILLS, ACKNOWLEDGED)
    restart = statistics.median(found.restarts)
    figure(
        "faults.kill",
        found.lost,
        f"rows lost of {found.acknowledged:,} told, {found.kills} kills, {found.interrupted} in "
        f"mid-reply and marked so; opened again in {restart:.2f} s (median)",
    )


def test_the_app_is_killed_in_the_middle_of_replies(
    tmp_path: Path, slow_server: str, figure: Figures
) -> None:
    """What was told is there at the next start, and a half-written reply is marked."""
    chance = random.Random(APP_KILLS)
    options = ("--engine", "openai", "--base-url", slow_server, "--method", "direct")
    told: set[str] = set()
    lost: set[str] = set()
    restarts = []
    for number in range(APP_KILLS + 1):
        started = time.monotonic()
        with running_app(tmp_path, *options) as app, ExitStack() as stack:
            if number:
                restarts.append(time.monotonic() - started)
            lost |= told - {str(UUID(key)) for (key,) in rows(app.database, "SELECT id FROM reply")}
            assert rows(app.database, "SELECT id FROM reply WHERE status = 'writing'") == []
            if number == APP_KILLS:
                break
            for _ in range(TALKS):
                client = stack.enter_context(httpx.Client())
                kept = {"message": "I am so tired.", "consents": {"keep": True}}
                turn = stack.enter_context(Turn(client, app.url, **kept))
                told.add(turn.until("turn_saved")["reply_id"])
            time.sleep(chance.uniform(0, 3))  # the moment is what is random here
            os.kill(app.pid, signal.SIGKILL)
            with suppress(httpx.HTTPError):
                list(turn.events())
    statuses = [status for (status,) in rows(app.database, "SELECT status FROM reply")]
    assert not lost
    assert len(statuses) == len(told), "no doubled turn"
    assert set(statuses) <= {"interrupted", "complete"}
    assert "interrupted" in statuses
    figure(
        "faults.kill-app",
        len(lost),
        f"turns lost of {len(told)}, {statuses.count('interrupted')} marked so; the page is "
        f"served {statistics.median(restarts):.1f} s after the next start (median)",
    )
