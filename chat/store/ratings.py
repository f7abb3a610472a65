"""Feedback: what people say of replies, one row a rater and reply."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import shelf
from chat.store.owned import own_reply
from chat.store.records import Feedback, FeedbackInput
from chat.store.tables import feedback
from chat.store.upsert import upsert


async def save(
    connection: AsyncConnection, owner: str, reply_id: UUID, given: FeedbackInput
) -> Feedback:
    """Replaces what this rater said of this reply before."""
    await own_reply(connection, owner, reply_id, writing=True)
    values = {name: getattr(given, name) for name in FeedbackInput.model_fields}
    row = await upsert(
        connection,
        feedback,
        keys={"reply_id": reply_id, "rater": owner},
        values=values | {"saved_at": datetime.now(UTC)},
        new={"id": uuid4()},
        where=feedback.c.other_reply_id.is_(None),
    )
    await shelf.rated(connection, reply_id, given)
    return _record(row)


async def load_feedback(
    connection: AsyncConnection, reply_ids: Select[UUID], rater: str
) -> dict[UUID, Feedback]:
    query = select(feedback).where(
        feedback.c.reply_id.in_(reply_ids),
        feedback.c.rater == rater,
        feedback.c.other_reply_id.is_(None),
    )
    rows = (await connection.execute(query)).mappings()
    return {row["reply_id"]: _record(row) for row in rows}


def _record(row: RowMapping) -> Feedback:
    return Feedback(**{name: row[name] for name in Feedback.model_fields})
