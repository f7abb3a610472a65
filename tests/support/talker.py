"""A process that talks until it is killed, through the session that page and API use.

It says what it was told by the events of each turn, as `tests.store.writers` does.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from chat.events import ReplyDone, RewardReady, TurnSaved, VerdictLanded
from chat.safety import patterns
from chat.services import Services
from chat.settings import EngineName, Scoring, Settings
from chat.store import Consents, ReplyStatus
from tests.store.samples import ANNA
from tests.store.writers import Said

PACE: Final = 0.0005
"""Seconds a token of the scripted reply."""

patterns.shipped()  # compiled once, in the process that all the others are forked from


def talk_for_ever(url: str, acknowledged: Path) -> None:
    """Turn after turn, written and judged by the scripted engine."""
    descriptor = os.open(acknowledged, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def said(kind: str, what: object) -> None:
        os.write(descriptor, f"{kind} {what}\n".encode())

    settings = Settings(
        engine=EngineName.SCRIPTED,
        scripted_pace=PACE,
        method=Scoring.DIRECT,
        database_url=url,
        data_dir=acknowledged.parent,
        turns_per_minute=100_000,
    )
    asyncio.run(_talk(settings, said))


async def _talk(settings: Settings, said: Said) -> None:
    services = await Services.start(settings)
    session = services.session
    place = await session.begin(ANNA, "a nurse", "after work", Consents(keep=True))
    said("conversation", place.id)
    while True:
        async for event in session.run_turn(ANNA, place.id, "I am so tired."):
            match event:
                case TurnSaved():
                    said("turn", event.turn_id)
                    said("reply", event.reply_id)
                case ReplyDone(status=ReplyStatus.COMPLETE):
                    said("complete", event.reply_id)
                case VerdictLanded():
                    said("judged", f"{event.reply_id}/{event.verdict.perspective.value}")
                case RewardReady(reward=found) if found is not None:
                    said("reward", event.reply_id)
