"""Everything that runs behind the page, over engines that a test chose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from chat.engines.base import Engine
from chat.events import TurnEvent
from chat.services import Services
from chat.serving import Serving
from chat.session import Session
from chat.settings import EngineName, Scoring, Settings
from chat.store import Consents, Conversation, Store
from perm import rubrics
from perm.rubrics import Rubrics

ROOT: Final = Path(__file__).resolve().parents[2]
PROMPTS: Final[Rubrics] = rubrics.load(ROOT / "prompts")
OWNER: Final = "anna"
KEEP: Final = Consents(keep=True, research=True, train=True)


def settings_in(folder: Path, **changes: Any) -> Settings:
    known: dict[str, Any] = {
        "engine": EngineName.SCRIPTED,
        "method": Scoring.DIRECT,
        "database_url": f"sqlite:///{folder / 'kept.db'}",
        "data_dir": folder,
        "turns_per_minute": 100_000,
    }
    return Settings(**known | changes)


@asynccontextmanager
async def parts(
    settings: Settings, supporter: Engine, judge: Engine | None = None
) -> AsyncIterator[Services]:
    """The services over these engines, ready; ended afterwards."""
    judge = judge or supporter
    kept = await Store.open(settings.database, data_dir=settings.data_dir)
    unkept = await Store.open("sqlite:///:memory:")
    session = Session(Serving.compose(settings, PROMPTS, supporter, judge), kept, unkept)
    services = Services(settings, PROMPTS, supporter, judge, kept, session)
    for engine in services.engines:
        await engine.start()
    try:
        for engine in services.engines:
            await engine.ready()
        yield services
    finally:
        await services.stop()


async def begun(services: Services, consents: Consents = KEEP) -> Conversation:
    return await services.session.begin(OWNER, "a nurse", "after work", consents)


async def said(services: Services, place: Conversation, message: str) -> list[TurnEvent]:
    """All events of one turn."""
    return [event async for event in services.session.run_turn(OWNER, place.id, message)]
