"""A session over real stores and scripted engines: what tests of one turn sit at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from langchain_core.messages import BaseMessage

from chat.engines.scripted import ScriptedEngine
from chat.engines.scripted_model import Output
from chat.events import TurnEvent
from chat.serving import Serving
from chat.session import Session
from chat.settings import ROOT, Scoring, Settings
from chat.store import Store
from chat.store.records import Consents, Conversation
from perm import rubrics
from perm.types import Capabilities, Perspective

OWNER: Final = "ada"
PROMPTS: Final = rubrics.load(ROOT / "prompts")
REPLY: Final = (
    "# Analysis\nShe is worn out and proud.\n\n# Response\nThat sounds like a long week. Sit down."
)
PLAIN: Final = Capabilities(assistant_prefix=True, context_tokens=4096)
"""No log-probabilities: the direct score is the digit that is written."""

E = TypeVar("E")
Say = Callable[[Sequence[BaseMessage]], Output | str]


def of(kind: type[E], seen: Sequence[TurnEvent]) -> list[E]:
    return [event for event in seen if isinstance(event, kind)]


def judge_says(messages: Sequence[BaseMessage]) -> str:
    """Fours for everything."""
    bystander = messages[0].content == PROMPTS[Perspective.BYSTANDER].system
    return "16, 16, 16, 16, 16" if bystander else "4"


def supporter_and_judge(reply: Say, judged: Say = judge_says) -> Say:
    """One engine for both, as by default."""

    def say(messages: Sequence[BaseMessage]) -> Output | str:
        chat = messages[0].content == PROMPTS.supporter.system
        return reply(messages) if chat else judged(messages)

    return say


class Desk:
    """A session over real stores and scripted engines, and what a test does with it."""

    def __init__(self, session: Session, place: Conversation) -> None:
        self.session, self.place = session, place

    async def say(self, message: str) -> list[TurnEvent]:
        return [event async for event in self.session.run_turn(OWNER, self.place.id, message)]

    async def until(self, stream: AsyncIterator[TurnEvent], kind: type[TurnEvent]) -> TurnEvent:
        async for event in stream:
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} came")

    async def rest(self) -> list[TurnEvent]:
        return [event async for event in self.session.follow(OWNER, self.place.id)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Callable[..., object]]:
    opened: list[Store | Session] = []

    async def make(
        reply: Say = lambda _: REPLY,
        judged: Say = judge_says,
        *,
        capabilities: Capabilities = PLAIN,
        keep: bool = True,
        scoring: Scoring = Scoring.DIRECT,
        engine: ScriptedEngine | None = None,
        **settings: Any,
    ) -> Desk:
        kept = await Store.open(f"sqlite:///{tmp_path / 'p.db'}")
        unkept = await Store.open("sqlite:///:memory:")
        engine = engine or ScriptedEngine(
            supporter_and_judge(reply, judged), capabilities=capabilities
        )
        chosen = Settings(method=scoring, **settings)
        serving = Serving.compose(chosen, PROMPTS, engine, engine)
        session = Session(serving, kept, unkept)
        opened.extend((session, kept, unkept))
        place = await session.begin(OWNER, "a nurse", "a double shift", Consents(keep=keep))
        return Desk(session, place)

    yield make
    for one in opened:
        await one.close()


Make = Callable[..., "asyncio.Future[Desk]"]
