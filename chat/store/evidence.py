"""What the Insights page counts: an owner's scored replies, everybody's ratings of them, times."""

from __future__ import annotations

from typing import Final

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.insights.rows import Evidence, HumanRating, ScoredReply, VerdictTime
from chat.store.records import ReplyStatus
from chat.store.shelf_tables import shelf
from chat.store.tables import feedback, reply, verdict
from perm.types import Method, Perspective

MOST: Final = 5000
"""The newest so many replies are counted: enough for every figure, and quick to read."""

ENDED: Final = (ReplyStatus.COMPLETE, ReplyStatus.CUT_SHORT)


async def read(connection: AsyncConnection, owner: str, most: int = MOST) -> Evidence:
    query = (
        select(
            shelf.c.reply_id,
            shelf.c.model,
            *(shelf.c[one.value] for one in Perspective),
            shelf.c.reward,
            reply.c.first_token,
            reply.c.response_complete,
        )
        .join(reply, reply.c.id == shelf.c.reply_id)
        .where(shelf.c.owner == owner, shelf.c.status.in_(ENDED))
        .order_by(shelf.c.created_at.desc(), shelf.c.reply_id)
        .limit(most + 1)
    )
    rows = (await connection.execute(query)).mappings().all()
    replies = tuple(
        ScoredReply(
            reply_id=row["reply_id"],
            model=row["model"],
            scores=_scores(row),
            reward=row["reward"],
            first_token=row["first_token"],
            complete=row["response_complete"],
        )
        for row in reversed(rows[:most])
    )
    return Evidence(
        replies=replies,
        ratings=await _ratings(connection, owner),
        times=await _times(connection, owner, most),
        more=len(rows) > most,
    )


async def _ratings(connection: AsyncConnection, owner: str) -> tuple[HumanRating, ...]:
    """Of the owner's replies: their own ratings, and those of people whom they invited."""
    query = (
        select(
            feedback.c.reply_id,
            feedback.c.rater,
            feedback.c.thumb,
            *(feedback.c[one.value] for one in Perspective),
        )
        .join(shelf, shelf.c.reply_id == feedback.c.reply_id)
        .where(shelf.c.owner == owner, feedback.c.other_reply_id.is_(None))
        .order_by(feedback.c.saved_at)
    )
    rows = (await connection.execute(query)).mappings()
    return tuple(
        HumanRating(
            reply_id=row["reply_id"], rater=row["rater"], scores=_scores(row), thumb=row["thumb"]
        )
        for row in rows
    )


async def _times(connection: AsyncConnection, owner: str, most: int) -> tuple[VerdictTime, ...]:
    query = (
        select(verdict.c.method, verdict.c.seconds)
        .join(shelf, shelf.c.reply_id == verdict.c.reply_id)
        .where(shelf.c.owner == owner, verdict.c.seconds.is_not(None))
        .order_by(verdict.c.created_at.desc())
        .limit(most)
    )
    rows = (await connection.execute(query)).all()
    return tuple(VerdictTime(method=Method(method), seconds=taken) for method, taken in rows)


def _scores(row: RowMapping) -> dict[Perspective, float]:
    return {one: row[one.value] for one in Perspective if row[one.value] is not None}
