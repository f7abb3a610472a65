"""When resonation is known, as a part of the time that the reply takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from bench.harness import Bench, Line, fixed_server, quantile, server_of, settings_for
from bench.talk import Heard, Talk, talking
from chat.engines.base import Engine
from chat.settings import EngineName, Settings

LIMIT: Final = 0.95
LONG_ENOUGH: Final = 60
"""Tokens of a reply from which the limit holds."""

TALKS: Final = 10
TURNS: Final = 10
FAST: Final = ("--pace", "0.01", "--judge-seconds", "0.2", "--analysis", "25", "--response", "40")
"""The scripted server: 100 tokens a second, replies of 65, a judge call of 0.2 s."""

WHAT: Final = "resonation known before the reply ends"
AGAINST: Final = f"all turns with replies of {LONG_ENOUGH} tokens and more"


async def measure(bench: Bench) -> list[Line]:
    async with fixed_server(*FAST) as url:
        settings = settings_for(EngineName.OPENAI, "", url, bench.folder)
        async with bench.engine(settings) as engine:
            turns = bench.times(TURNS, 2)
            scripted = await _heard(engine, settings, TALKS, turns)
    async with bench.engine() as engine:
        real = await _heard(engine, bench.settings, 1, bench.times(6, 2))
        # The limit speaks of vLLM and of the scripted server.
        limit = LIMIT if engine.name == EngineName.VLLM.value else None
        return [line_of(scripted, "scripted", LIMIT), line_of(real, server_of(engine), limit)]


async def _heard(engine: Engine, settings: Settings, talks: int, turns: int) -> list[Heard]:
    async with talking(engine, settings) as session:

        async def one() -> list[Heard]:
            talk = await Talk.begin(session)
            return [await talk.say() for _ in range(turns)]

        found = await asyncio.gather(*(one() for _ in range(talks)))
        return [heard for each in found for heard in each]


def line_of(heard: Sequence[Heard], server: str, limit: float | None) -> Line:
    counted = [one for one in heard if one.tokens >= LONG_ENOUGH]
    known = [one.part for one in counted if one.part is not None]
    early = sum(part < 1 for part in known)
    detail = f"{early} of {len(counted)} turns"
    if known:
        detail += f"; known after {quantile(known, 0.5):.0%} of the reply's time at the median"
        detail += f", {quantile(known, 0.95):.0%} at the 95th of 100"
    figure = early / len(counted) if counted else None
    return Line(
        WHAT,
        AGAINST,
        figure,
        limit=limit,
        at_least=True,
        server=server,
        detail=detail,
        missing="" if counted else "no reply was long enough",
    )
