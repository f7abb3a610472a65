"""A judge's server that fails, in every way a server can: the reply does not notice."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from langchain_core.messages import BaseMessage
from pydantic import SecretStr

from chat.engines.openai import OpenAIEngine
from chat.engines.scripted import Line, Output, ScriptedEngine
from chat.engines.scripted_demo import Demo
from chat.events import ReplyDone, RewardReady, TurnFailed, VerdictLanded
from chat.services import Services
from chat.store import ReplyStatus
from perm.types import EngineError, EngineFault, Perspective, Unscored, Verdict
from tests.conftest import Figures
from tests.support.openai_server import ScriptedServer, running
from tests.support.parts import OWNER, PROMPTS, begun, parts, said, settings_in

REPLY: Final = (
    "# Analysis\n" + "They are worn out. " * 8 + "\n# Response\n" + "Sit down first. " * 12
)
RETRY_AFTER: Final = 0.5
RETRIES: Final = 2
REPEATS: Final = 3
PACE: Final = 0.004
TIMEOUT: Final = 0.4

FAULTS: Final = {
    "time-out": EngineFault.TIMEOUT,
    "500": EngineFault.SERVER,
    "429": EngineFault.RATE_LIMITED,
    "401": EngineFault.UNAUTHORISED,
    "garbage": EngineFault.GARBAGE,
    "broken off": EngineFault.CUT_OFF,
    "refused": EngineFault.UNREACHABLE,
}


class Judge:
    """What the judge's server says: verdicts, until it is told to fail."""

    def __init__(self) -> None:
        self._demo = Demo(PROMPTS, 0.0)
        self.fault: EngineFault | None = None
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self, messages: Sequence[BaseMessage]) -> Line:
        await self.free.wait()
        if self.fault is None:
            return self._demo(messages)
        wait = RETRY_AFTER if self.fault is EngineFault.RATE_LIMITED else None
        return Output(failure=EngineError(self.fault, "No.", retry_after=wait))


@dataclass
class Bench:
    """The app over a supporter that is well and a judge behind HTTP; `leave` ends its server."""

    services: Services
    judge: Judge
    server: ScriptedServer
    leave: AsyncExitStack

    async def turn(self) -> Told:
        place = await begun(self.services)
        before, began = len(self.server.requests), time.monotonic()
        async for event in self.services.session.run_turn(OWNER, place.id, "I am so tired."):
            match event:
                case ReplyDone():
                    seconds, done = time.monotonic() - began, event
        (turn,) = await self.services.session.path(OWNER, place.id)
        assert turn.chosen is not None
        assert turn.chosen.error is None
        assert turn.chosen.reward is None or self.judge.fault is None
        verdicts = list(turn.chosen.binding.values())
        return Told(done, seconds, verdicts, len(self.server.requests) - before)


@dataclass
class Told:
    """One turn: its reply and how long that took; its verdicts; calls that reached the judge."""

    reply: ReplyDone
    seconds: float
    verdicts: list[Verdict]
    calls: int

    @property
    def tries(self) -> int:
        return sum(one.attempts for one in self.verdicts)


@asynccontextmanager
async def bench_in(folder: Path) -> AsyncIterator[Bench]:
    judge = Judge()
    supporter = ScriptedEngine(lambda _: Output(text=REPLY, pace=PACE))
    async with AsyncExitStack() as serving:
        server = await serving.enter_async_context(running(ScriptedServer(judge)))
        engine = OpenAIEngine(server.url, SecretStr("a key"), "")
        settings = settings_in(folder, judge_timeout=TIMEOUT, judge_retries=RETRIES)
        async with parts(settings, supporter, engine) as services:
            yield Bench(services, judge, server, serving)


@pytest.mark.faults
async def test_a_judge_that_does_not_answer_holds_up_no_reply(tmp_path: Path) -> None:
    """It answers only when the reply is done: if anything waited for it, this would not end."""
    async with bench_in(tmp_path) as bench:
        place = await begun(bench.services)
        bench.judge.free.clear()
        kinds = []
        async for event in bench.services.session.run_turn(OWNER, place.id, "Hello"):
            kinds.append(type(event))
            if isinstance(event, ReplyDone):
                bench.judge.free.set()
        assert kinds.index(ReplyDone) < kinds.index(VerdictLanded)


@pytest.mark.unit
async def test_a_key_that_is_no_longer_accepted_is_told_to_who_runs_the_app(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench_in(tmp_path) as bench:
        engine = bench.services.judge_engine
        place = await begun(bench.services)
        bench.judge.fault = EngineFault.UNAUTHORISED
        with caplog.at_level(logging.ERROR, logger="chat"):
            events = await said(bench.services, place, "Hello")
        assert not [one for one in events if isinstance(one, TurnFailed)]
        told = [record.getMessage() for record in caplog.records if "API key" in record.message]
        assert len(told) == 1, "once, not at each call"
        assert "a key" not in told[0].replace("the API key", "")
        assert "API key" in engine.state.detail
        assert engine.state.todo
        bench.judge.fault = None
        events = await said(bench.services, place, "And now?")
        assert [one for one in events if isinstance(one, RewardReady) and one.reward]
        assert "API key" not in engine.state.detail


@pytest.mark.faults
async def test_whatever_the_judge_does_the_reply_is_untouched(
    tmp_path: Path, figure: Figures
) -> None:
    async with bench_in(tmp_path) as bench:
        well = [await bench.turn() for _ in range(5)]
        usual = statistics.median(one.seconds for one in well)
        found: dict[str, Told] = {}
        late: dict[str, float] = {}
        for name, fault in FAULTS.items():
            if fault is EngineFault.UNREACHABLE:
                await bench.leave.aclose()
            bench.judge.fault = fault
            turns = [await bench.turn() for _ in range(REPEATS)]
            for told in turns:
                _unscored(told, fault, well[0])
            found[name] = turns[0]
            late[name] = 1000 * (statistics.median(told.seconds for told in turns) - usual)
    _patient(found["429"].verdicts)
    worst = max(late, key=lambda name: late[name])
    calls = ", ".join(f"{name} {told.calls or told.tries}" for name, told in found.items())
    figure(
        "faults.judge",
        f"{sum(told.reply.response == well[0].reply.response for told in found.values())}"
        f" of {len(found)}",
        f"replies untouched; with the slowest ({worst}) {late[worst]:+.0f} ms to the "
        f"{1000 * usual:.0f} ms with a judge that is well (medians); calls a turn: {calls}",
    )


def _unscored(told: Told, fault: EngineFault, well: Told) -> None:
    """Four unscored verdicts with their reason, as many calls as can help, the reply as ever."""
    assert told.reply.status is ReplyStatus.COMPLETE
    assert (told.reply.analysis, told.reply.response) == (well.reply.analysis, well.reply.response)
    assert {one.perspective for one in told.verdicts} == set(Perspective)
    for verdict in told.verdicts:
        assert verdict.score is None
        assert verdict.unscored is Unscored.ENGINE
        assert verdict.error
        assert verdict.attempts == (1 + RETRIES if EngineError(fault, "").retryable else 1)
    if fault is EngineFault.UNREACHABLE:
        assert told.calls == 0
    else:  # beside the tries of four verdicts, those of two scores while it was being written
        assert told.tries <= told.calls <= 6 * told.tries // 4


def _patient(verdicts: Sequence[Verdict]) -> None:
    """The server's Retry-After was kept to, and not all came back at one moment."""
    waited = [verdict.seconds or 0.0 for verdict in verdicts]
    assert min(waited) >= RETRIES * RETRY_AFTER
    assert len({round(one, 2) for one in waited}) > 1
