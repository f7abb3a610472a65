"""What judging costs the person who talks: the first token, and the speed after it.

Judging on and off take turns in one run. `after idle`: the last turn is judged. `during judging`:
the next message comes at the moment at which the last reply is complete. Where one processor both
reads and writes, the judging that was given up still ends its step; a scripted server with a fixed
time a token shows what the app does by itself. A turn is compared with the same turn of the other
conversation: a later one has more to read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bench import texts
from bench.harness import Bench, Line, fixed_server, listed, paired, server_of, settings_for
from bench.talk import Talk, talking
from chat.engines.base import Engine
from chat.session import Session
from chat.settings import EngineName, Settings

IDLE_LIMIT: Final = 1.1
DURING_LIMIT: Final = 1.5
PACE: Final = "0.1"
READING: Final = "0.3"
JUDGE: Final = "2"
"""Seconds that the scripted server takes for a token, before a reply, and for a judge's call.
Without a time before the reply the ratio would be one of some milliseconds, which is noise."""

TURNS: Final = 3
"""Of a conversation that counts, after its first: each once after idle, once during judging."""


@dataclass
class Seen:
    """Of all turns that count, in seconds and tokens a second."""

    idle: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    speed: list[float] = field(default_factory=list)

    async def talk(self, session: Session, persona: str, turns: int) -> None:
        talk = await Talk.begin(session, persona)
        await talk.say()
        for _ in range(turns):
            after_idle = await talk.reply()
            during = await talk.reply()
            first, second = await after_idle, await during
            self.idle.append(first.first_token)
            self.during.append(second.first_token)
            self.speed.append(first.speed)


async def measure(bench: Bench) -> list[Line]:
    return [*await _fixed(bench), *await _real(bench)]


async def _fixed(bench: Bench) -> list[Line]:
    """On a server that a judgement costs nothing: what the app itself keeps a message waiting."""
    times = ("--pace", PACE, "--reading", READING, "--judge-seconds", JUDGE)
    async with fixed_server(*times, "--analysis", "10", "--response", "20") as url:
        settings = settings_for(EngineName.OPENAI, "", url, bench.folder)
        async with bench.engine(settings) as engine:
            return await _compared(bench, engine, settings)


async def _real(bench: Bench) -> list[Line]:
    async with bench.engine() as engine:
        return await _compared(bench, engine, bench.settings)


async def _compared(bench: Bench, engine: Engine, settings: Settings) -> list[Line]:
    on, off = Seen(), Seen()
    async with (
        talking(engine, settings) as judged,
        talking(engine, settings, judged=False) as unjudged,
    ):
        for trial in range(bench.times(3)):
            await on.talk(judged, f"{texts.PERSONA} {trial} with.", bench.times(TURNS))
            await off.talk(unjudged, f"{texts.PERSONA} {trial} without.", bench.times(TURNS))
    return lines(on, off, server_of(engine))


def lines(on: Seen, off: Seen, server: str) -> list[Line]:
    against = "judging off"
    return [
        Line(
            "first token with judging on, message after idle",
            against,
            paired(on.idle, off.idle),
            limit=IDLE_LIMIT,
            server=server,
            detail=f"on: {listed(on.idle)}; off: {listed(off.idle)}",
        ),
        Line(
            "first token with judging on, message during judging",
            against,
            paired(on.during, off.during),
            limit=DURING_LIMIT,
            server=server,
            detail=f"on: {listed(on.during)}; off: {listed(off.during)}",
        ),
        Line(
            "tokens a second with judging on",
            against,
            paired(on.speed, off.speed),
            server=server,
            detail=f"on: {listed(on.speed, 'a second')}; off: {listed(off.speed, 'a second')}",
        ),
    ]
