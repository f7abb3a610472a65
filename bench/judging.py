"""From a reply's last token to four scores: direct, reasoned, and as published.

Warm is a running conversation: the rubric and the earlier turns were judged before, the turn at
hand was not. Cold: nothing of the prompt was ever read. All four are asked for after the reply;
in the app resonation is known earlier, which is left out here. A model too small for verdicts
with reasons writes at any length up to the limit, whoever asks: its times are chance, and make no
figure. The scripted server writes the same verdict whoever asks, a fixed time a call and a token:
there the order of the calls alone makes the ratio, which is the longest verdict's share of all
four.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench import texts
from bench.harness import (
    Bench,
    Line,
    fixed_server,
    listed,
    ratio,
    scored,
    seconds,
    server_of,
    settings_for,
)
from bench.published import PATIENCE, judge_published
from chat.engines.base import Engine
from chat.settings import EngineName
from perm.judges import Judge, JudgePolicy
from perm.rubrics import Rubrics
from perm.types import Method, Verdict

BEFORE: Final = 3
"""Turns that were judged before the one at hand."""

WHAT: Final = {Method.DIRECT: "four direct scores", Method.REASONED: "four reasoned verdicts"}
LIMIT: Final = {Method.DIRECT: 0.15, Method.REASONED: 0.5}

READING: Final = "0.1"
TOKEN: Final = "0.02"
"""Seconds that the scripted server takes for a judge's prompt, and for each token of a verdict."""


@dataclass
class Times:
    """Seconds of each trial, and the verdicts that came."""

    direct: list[float] = field(default_factory=list)
    reasoned: list[float] = field(default_factory=list)
    published: list[float] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    read: list[float | None] = field(default_factory=list)

    async def direct_of(self, judge: Judge, turn: int, persona: str) -> None:
        self.direct.append(await seconds(self._judge(judge, turn, persona, Method.DIRECT)))

    async def reasoned_of(self, judge: Judge, turn: int, persona: str) -> None:
        self.reasoned.append(await seconds(self._judge(judge, turn, persona, Method.REASONED)))

    async def published_of(self, engine: Engine, rubrics: Rubrics, turn: int, persona: str) -> None:
        async def work() -> None:
            asked = texts.contexts(turn, persona)
            scores = await judge_published(engine.chat_model, rubrics, asked)
            self.read.extend(scores.values())

        self.published.append(await seconds(work()))

    async def _judge(self, judge: Judge, turn: int, persona: str, method: Method) -> None:
        asked = texts.contexts(turn, persona)
        self.verdicts.extend([one async for one in judge.judge_all(asked, method)])


async def measure(bench: Bench) -> list[Line]:
    personas = (f"{texts.PERSONA} She is called {n}." for n in itertools.count(1))
    return [*await _fixed(bench, personas), *await _real(bench, personas)]


async def _fixed(bench: Bench, personas: Iterator[str]) -> list[Line]:
    async with fixed_server("--judge-seconds", READING, "--judge-pace", TOKEN) as url:
        settings = settings_for(EngineName.OPENAI, "", url, bench.folder)
        async with bench.engine(settings) as engine:
            times = await _warm(bench.rubrics, engine, personas, bench.times(3))
            return lines("warm", times, server_of(engine))


async def _real(bench: Bench, personas: Iterator[str]) -> list[Line]:
    async with bench.engine() as engine:
        rubrics = texts.unread(bench.rubrics, secrets.token_hex(4))
        warm = await _warm(rubrics, engine, personas, bench.times(2))
        cold = await _cold(bench, engine, personas, bench.times(1))
        return [*lines("warm", warm, server_of(engine)), *lines("cold", cold, server_of(engine))]


async def _warm(rubrics: Rubrics, engine: Engine, personas: Iterator[str], trials: int) -> Times:
    """The variants take turns: a trial is one conversation, judged by each."""
    times, judge = Times(), judge_of(engine, rubrics)
    for persona in itertools.islice(personas, trials):
        for turn in range(1, BEFORE + 1):
            await _all(judge, turn, persona)
        await times.direct_of(judge, BEFORE + 1, persona)
        await times.reasoned_of(judge, BEFORE + 2, persona)
        await times.published_of(engine, rubrics, BEFORE + 2, persona)
    return times


async def _cold(bench: Bench, engine: Engine, personas: Iterator[str], trials: int) -> Times:
    times, turn = Times(), BEFORE + 1
    for persona in itertools.islice(personas, trials):
        first, second, third = (texts.unread(bench.rubrics, secrets.token_hex(4)) for _ in range(3))
        await times.direct_of(judge_of(engine, first), turn, persona)
        await times.reasoned_of(judge_of(engine, second), turn, persona)
        await times.published_of(engine, third, turn, persona)
    return times


def judge_of(engine: Engine, rubrics: Rubrics) -> Judge:
    """The app's own judge, with patience for a slow machine."""
    policy = JudgePolicy(timeout=PATIENCE, retries=0)
    return Judge(engine.chat_model, engine.model_name, engine.capabilities, rubrics, policy)


async def _all(judge: Judge, turn: int, persona: str) -> None:
    async for _ in judge.judge_all(texts.contexts(turn, persona), Method.DIRECT):
        pass


def lines(state: str, times: Times, server: str) -> list[Line]:
    """Both methods against `published`."""
    return [_line(state, times, method, server) for method in WHAT]


def _line(state: str, times: Times, method: Method, server: str) -> Line:
    """No figure where most verdicts of a side cannot be read: their time is not a verdict's."""
    took = times.direct if method is Method.DIRECT else times.reasoned
    verdicts = [one for one in times.verdicts if one.method is method]
    read = [score for score in times.read if score is not None]
    readable = _most(sum(one.scored for one in verdicts), verdicts) and _most(len(read), times.read)
    return Line(
        f"{WHAT[method]} after the reply, {state}",
        f"`published`, {state}",
        ratio(took, times.published) if readable else None,
        limit=LIMIT[method] if state == "warm" else None,
        server=server,
        detail=f"{method.value}: {listed(took)} ({scored(verdicts)}); "
        f"published: {listed(times.published)} ({len(read)} of {len(times.read)} scored)",
        missing="" if readable else "most of this model's verdicts cannot be read",
    )


def _most(count: int, of: Sequence[object]) -> bool:
    return 2 * count >= len(of)
