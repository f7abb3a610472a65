"""A reply that another process of this app writes, as it can be seen from here: as it is saved.

Several processes may share a database. What one of them is writing is saved every second, and its
verdicts as they land, so a page that is served by another follows it with that much delay.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from chat.events import (
    AnalysisDelta,
    JudgingStarted,
    ReplyDone,
    ResponseDelta,
    RewardReady,
    TurnEvent,
    TurnSaved,
    VerdictLanded,
    Waiting,
)
from chat.limits import Refused
from chat.store import Store
from chat.store.records import Reply, ReplyStatus
from perm.types import Perspective

LOOK_EVERY: Final = 1.0
JUDGING_SECONDS: Final = 60.0
"""Seconds without a verdict after which nobody waits for one any more."""

WHY: Final = "Another server of this app is writing this reply. It appears here as it is saved."


ANSWERING: Final = "The supporter is still answering, in another server of this app."


def answering() -> Refused:
    """What a second reply is told."""
    return Refused(
        ANSWERING,
        "Wait for it; it appears here as it is saved.",
    )


def cannot_stop() -> Refused:
    return Refused(
        "This reply is being written by another server of this app and cannot be stopped here.",
        "It ends by itself; it appears here as it is saved.",
    )


async def follow(store: Store, owner: str, conversation_id: UUID) -> AsyncIterator[TurnEvent]:
    """The events of the reply that is being written elsewhere, in steps of a second or so."""
    path = await store.path(owner, conversation_id)
    reply = path[-1].chosen if path else None
    if reply is None or reply.status is not ReplyStatus.WRITING:
        return
    yield TurnSaved(
        conversation_id=conversation_id,
        turn_id=reply.turn_id,
        reply_id=reply.id,
        number=path[-1].number,
        turns_left_out=reply.turns_left_out,
        crisis=path[-1].crisis,
    )
    yield Waiting(why=WHY)
    analysis = response = ""
    while True:
        lives = await store.is_written_elsewhere(owner, conversation_id)
        reply = await store.reply(owner, reply.id)
        if reply.status is not ReplyStatus.WRITING or not lives:
            break
        if more := _after(analysis, reply.analysis):
            analysis = reply.analysis
            yield AnalysisDelta(text=more)
        if more := _after(response, reply.response):
            response = reply.response
            yield ResponseDelta(text=more)
        yield Waiting(why=WHY)  # a delta takes it away
        await asyncio.sleep(LOOK_EVERY)
    yield _done(reply)
    async for event in _judged(store, owner, reply):
        yield event


def _after(told: str, saved: str) -> str:
    """What is new; nothing where the text was taken back: the end brings it whole."""
    return saved.removeprefix(told) if saved.startswith(told) else ""


def _done(reply: Reply) -> ReplyDone:
    writing = reply.status is ReplyStatus.WRITING  # and nobody who writes it
    return ReplyDone(
        status=ReplyStatus.INTERRUPTED if writing else reply.status,
        analysis=reply.analysis,
        response=reply.response,
        usage=reply.usage,
        timings=reply.timings,
        crisis=reply.crisis,
    )


async def _judged(store: Store, owner: str, reply: Reply) -> AsyncIterator[TurnEvent]:
    """The verdicts that land there, until all four have, or none comes any more."""
    if reply.status not in (ReplyStatus.COMPLETE, ReplyStatus.CUT_SHORT):
        return
    yield JudgingStarted(reply_id=reply.id, perspectives=tuple(Perspective))
    told = 0
    last = time.monotonic()
    while time.monotonic() - last < JUDGING_SECONDS:
        found = await store.reply(owner, reply.id)
        for saved in found.verdicts[told:]:
            last = time.monotonic()
            yield VerdictLanded(reply_id=reply.id, verdict=saved.verdict)
        told = len(found.verdicts)
        if len(found.binding) == len(Perspective):
            missing = tuple(one for one, verdict in found.binding.items() if not verdict.scored)
            if found.reward is not None or missing:
                yield RewardReady(reply_id=reply.id, reward=found.reward, missing=missing)
                return
        await asyncio.sleep(LOOK_EVERY)
