"""A conversation as the app runs it, without a page: the session on the engine under test.

The judge can be switched off, to see what judging costs the person who talks. A small model is held
to the supporter's format by the server (a grammar, or a pattern): by itself it forgets the
Analysis, and there would be nothing to judge early.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self
from uuid import UUID

from bench import texts
from chat.engines.base import Engine
from chat.events import AnalysisDelta, ReplyDone, ResponseDelta, VerdictLanded
from chat.judge_choice import JudgeChoice
from chat.serving import Serving
from chat.session import Session
from chat.settings import EngineName, Settings
from chat.store import Store
from chat.store.records import Consents, Timings
from perm import rubrics
from perm.judges import Judge
from perm.types import EngineError, EngineFault, Perspective

OWNER: Final = "bench"
IN_MEMORY: Final = "sqlite:///:memory:"

_LETTERS: Final = "[a-zA-Z ,.']"
_ANALYSIS: Final = "{160,200}"
_RESPONSE: Final = "{240,280}"

HELD: Final[dict[str, dict[str, Any]]] = {
    EngineName.LLAMA_CPP.value: {
        "grammar": f'root ::= "# Analysis\\n" {_LETTERS}{_ANALYSIS} '
        f'"\\n\\n# Response\\n" {_LETTERS}{_RESPONSE}'
    },
    EngineName.VLLM.value: {
        "structured_outputs": {
            "regex": f"# Analysis\\n{_LETTERS}{_ANALYSIS}\\n\\n# Response\\n{_LETTERS}{_RESPONSE}"
        }
    },
}
"""Request fields by engine: replies of one shape and of about one length, some 100 tokens."""


@dataclass(frozen=True)
class Talking(Serving):
    """`judged`: whether a judge is there at all. `more`: further fields of each request."""

    judged: bool = True
    more: dict[str, Any] = field(default_factory=dict)

    async def judge(self, by: JudgeChoice | None = None) -> Judge:
        if not self.judged:
            raise EngineError(EngineFault.NOT_READY, "There is no judge in this measure.")
        return await super().judge(by)

    @property
    def sampling(self) -> dict[str, Any]:
        return super().sampling | ({"extra_body": self.more} if self.more else {})


@dataclass(frozen=True)
class Heard:
    """One turn. `resonation`, `complete`: when its verdict and the whole reply were told.

    Both in seconds since the turn was asked for.
    """

    timings: Timings
    tokens: int
    resonation: float | None
    complete: float

    @property
    def first_token(self) -> float:
        return self.timings.first_token or float("nan")

    @property
    def speed(self) -> float:
        """Tokens a second, from the first token to the last."""
        return (self.tokens - 1) / ((self.timings.response_complete or 0.0) - self.first_token)

    @property
    def part(self) -> float | None:
        """When resonation was known, as a part of the time that the reply took."""
        return None if self.resonation is None else self.resonation / self.complete


class Talk:
    """One conversation."""

    def __init__(self, session: Session, place: UUID) -> None:
        self._session, self._place = session, place
        self._turns = 0

    @classmethod
    async def begin(cls, session: Session, persona: str = texts.PERSONA) -> Self:
        place = await session.begin(OWNER, persona, texts.SCENARIO, Consents())
        return cls(session, place.id)

    async def say(self) -> Heard:
        """The next turn, to its very end: judged, as far as it is judged."""
        return await (await self.reply())

    async def reply(self) -> asyncio.Task[Heard]:
        """The next turn as far as its reply; judging goes on meanwhile, in what is given back."""
        replied = asyncio.Event()
        self._turns += 1
        going_on = asyncio.create_task(self._turn(texts.message(self._turns), replied))
        going_on.add_done_callback(lambda _: replied.set())
        await replied.wait()
        return going_on

    async def _turn(self, message: str, replied: asyncio.Event) -> Heard:
        began = time.monotonic()
        done: ReplyDone | None = None
        resonation: float | None = None
        complete, pieces = 0.0, 0
        async for event in self._session.run_turn(OWNER, self._place, message):
            match event:
                case AnalysisDelta() | ResponseDelta():
                    pieces += 1
                case ReplyDone():
                    done, complete = event, time.monotonic() - began
                    replied.set()
                case VerdictLanded(verdict=verdict) if (
                    verdict.perspective is Perspective.RESONATION and resonation is None
                ):
                    resonation = time.monotonic() - began if verdict.scored else None
        if done is None:
            raise RuntimeError("the turn gave no reply")
        return Heard(done.timings, done.usage.completion_tokens or pieces, resonation, complete)


@asynccontextmanager
async def talking(
    engine: Engine, settings: Settings, *, judged: bool = True
) -> AsyncIterator[Session]:
    """A session on this engine, with its stores in memory."""
    prompts = rubrics.load(settings.prompts_dir)
    composed = Talking.compose(settings, prompts, engine, engine)
    assert isinstance(composed, Talking)
    serving = replace(composed, judged=judged, more=HELD.get(engine.name, {}))
    kept, unkept = await Store.open(IN_MEMORY), await Store.open(IN_MEMORY)
    session = Session(serving, kept, unkept)
    try:
        yield session
    finally:
        await session.close()
        await kept.close()
        await unkept.close()
