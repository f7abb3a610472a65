"""A real llama.cpp with a small model is killed in mid-reply: kept, marked, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from chat import engines
from chat.engines.llama_cpp import LlamaCppEngine
from chat.engines.scripted import ScriptedEngine
from chat.events import AnalysisDelta, ResponseDelta
from chat.settings import EngineName
from chat.store import ReplyStatus
from tests.conftest import Figures
from tests.faults.conftest import kept_and_marked, retried
from tests.support.models import small_model
from tests.support.parts import OWNER, PROMPTS, begun, parts, settings_in

pytestmark = [
    pytest.mark.faults,
    pytest.mark.model,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]

KILLS = 3
WORDS = 8
"""Pieces of the reply that come before the server is killed."""


async def test_a_real_model_server_is_killed_in_mid_reply(tmp_path: Path, figure: Figures) -> None:
    settings = settings_in(
        tmp_path,
        engine=EngineName.LLAMA_CPP,
        model=str(small_model()),
        models_dir=tmp_path / "models",
        context_tokens=2048,
        max_tokens=100,
    )
    engine = engines.build(settings, "supporter")
    assert isinstance(engine, LlamaCppEngine)
    seconds = []
    async with parts(settings, engine, ScriptedEngine.demo(PROMPTS, 0.0)) as services:
        for number in range(KILLS):
            place, pid = await begun(services), engine.pid
            assert pid is not None
            came, events = 0, []
            async for event in services.session.run_turn(OWNER, place.id, "Tell me a story."):
                events.append(event)
                came += isinstance(event, AnalysisDelta | ResponseDelta)
                if came == WORDS:
                    os.kill(pid, signal.SIGKILL)
                    killed = time.monotonic()
            reply = await kept_and_marked(services, place, events, tmp_path / str(number))
            assert reply.raw
            again = await retried(services, place)
            assert again.status is ReplyStatus.COMPLETE
            assert engine.pid != pid
            first = again.timings.first_token or 0.0
            written = again.timings.response_complete or 0.0
            seconds.append(time.monotonic() - killed - (written - first))
    await _gone(engine)
    figure(
        "faults.model-server",
        f"{len(seconds)} of {KILLS}",
        "replies kept, marked incomplete and given anew once; from the kill to the next reply's "
        f"first word {', '.join(f'{one:.1f}' for one in seconds)} s, with growing pauses",
    )


async def _gone(engine: LlamaCppEngine) -> None:
    """The app has ended, and its server with it."""
    async with asyncio.timeout(30):
        while engine.pid is not None:  # noqa: ASYNC110 - a process has no event for it
            await asyncio.sleep(0.05)
