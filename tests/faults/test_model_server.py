"""A real llama.cpp with a small model is killed in mid-reply: kept, marked, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler

from chat import engines
from chat.engines.llama_cpp import LlamaCppEngine
from chat.engines.scripted import ScriptedEngine
from chat.settings import EngineName
from chat.store import ReplyStatus
from tests.conftest import Figures
from tests.faults.conftest import kept_and_marked, retried
from tests.support.models import small_model
from tests.support.parts import PROMPTS, begun, parts, said, settings_in

pytestmark = [
    pytest.mark.faults,
    pytest.mark.model,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]

KILLS = 3
WORDS = 8
"""Pieces of the reply that come before the server is killed."""
ENDS = frozenset({ReplyStatus.COMPLETE, ReplyStatus.CUT_SHORT})
"""The small model writes until it is stopped, more often than not."""


class KillWhileWriting(AsyncCallbackHandler):
    """Kills the server once it has sent so many pieces of one reply, and never again.

    It counts what the server sends, not what the page shows: of a model that writes no headings
    the page shows nothing before the reply is over (perm.parsing_output).
    """

    def __init__(self, pid: int) -> None:
        self._pid, self._came = pid, 0
        self.killed: float | None = None

    async def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        self._came += 1
        if self._came == WORDS:
            os.kill(self._pid, signal.SIGKILL)
            self.killed = time.monotonic()


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
            kill = KillWhileWriting(pid)
            engine.chat_model.callbacks = [kill]
            events = await said(services, place, "Tell me a story.")
            assert kill.killed is not None
            reply = await kept_and_marked(services, place, events, tmp_path / str(number))
            assert reply.raw
            again = await retried(services, place, ENDS)
            assert engine.pid != pid
            first = again.timings.first_token or 0.0
            written = again.timings.response_complete or 0.0
            seconds.append(time.monotonic() - kill.killed - (written - first))
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
