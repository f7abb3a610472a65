"""Keeps the shelf equal to what it repeats, inside the transaction that changes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store.records import FeedbackInput, SavedVerdict
from chat.store.shelf_tables import note, shelf, tag
from chat.store.tables import conversation, reply, turn
from perm.types import Perspective, binding

LONGEST: Final = 200_000
"""Characters of one reply that a search looks at; PostgreSQL takes no more than a megabyte."""


async def put(connection: AsyncConnection, reply_id: UUID) -> None:
    """A reply that has just been begun: found by its message from now on."""
    (row,) = await _described(connection, reply.c.id == reply_id)
    row |= {"scored": 0, "rated": 0}
    await connection.execute(insert(shelf).values(**row))


async def words_changed(connection: AsyncConnection, which: ColumnElement[bool]) -> None:
    """What was said, or what is said about the conversation, has changed for these replies."""
    rows = [
        {f"new_{name}": row[name] for name in ("reply_id", "status", "words")}
        for row in await _described(connection, which)
    ]
    if rows:
        statement = (
            update(shelf)
            .where(shelf.c.reply_id == bindparam("new_reply_id"))
            .values(status=bindparam("new_status"), words=bindparam("new_words"))
        )
        await connection.execute(statement, rows)


async def judged(
    connection: AsyncConnection, reply_id: UUID, verdicts: Iterable[SavedVerdict]
) -> None:
    """`verdicts`: all of the reply's, oldest first."""
    bound = binding(saved.verdict for saved in verdicts)
    scores = {one.value: bound[one].score if one in bound else None for one in Perspective}
    judges = [saved.verdict.judge_model for saved in verdicts if saved.verdict in bound.values()]
    await _set(
        connection,
        reply_id,
        **scores,
        scored=sum(score is not None for score in scores.values()),
        judge=judges[-1] if judges else None,
    )


async def rewarded(connection: AsyncConnection, reply_id: UUID, total: float) -> None:
    await _set(connection, reply_id, reward=total)


async def rated(connection: AsyncConnection, reply_id: UUID, given: FeedbackInput) -> None:
    """Feedback that was taken back altogether says nothing: the reply is then not rated."""
    said = FeedbackInput(**{name: getattr(given, name) for name in FeedbackInput.model_fields})
    await _set(connection, reply_id, thumb=given.thumb, rated=int(said != FeedbackInput()))


async def _set(connection: AsyncConnection, reply_id: UUID, **values: object) -> None:
    await connection.execute(update(shelf).where(shelf.c.reply_id == reply_id).values(**values))


async def _described(
    connection: AsyncConnection, which: ColumnElement[bool]
) -> list[dict[str, Any]]:
    query = (
        select(
            reply.c.id.label("reply_id"),
            reply.c.created_at,
            reply.c.status,
            reply.c.model,
            reply.c.analysis,
            reply.c.response,
            turn.c.message,
            turn.c.number,
            conversation.c.id.label("conversation_id"),
            conversation.c.owner,
            conversation.c.title,
            conversation.c.persona,
            conversation.c.scenario,
        )
        .join(turn, turn.c.id == reply.c.turn_id)
        .join(conversation, conversation.c.id == turn.c.conversation_id)
        .where(which)
    )
    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    remarks = {
        place: await _remarks(connection, place)
        for place in {row["conversation_id"] for row in rows}
    }
    for row in rows:
        if row.pop("number") > 1:
            row["title"] = ""  # mostly the first message's beginning: found there, and there alone
        said = [
            row.pop(name)
            for name in ("message", "response", "analysis", "title", "persona", "scenario")
        ]
        words = "\n".join(part for part in (*said, *remarks[row["conversation_id"]]) if part)
        row["words"] = words[:LONGEST]
    return rows


async def _remarks(connection: AsyncConnection, conversation_id: UUID) -> list[str]:
    """Its note and its tags."""
    notes = select(note.c.text).where(note.c.conversation_id == conversation_id)
    tags = select(tag.c.name).where(tag.c.conversation_id == conversation_id).order_by(tag.c.name)
    return [*(await connection.scalars(notes)), *(await connection.scalars(tags))]
