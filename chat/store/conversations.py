"""Conversations: begun, listed, renamed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import shelf
from chat.store.errors import NotFound
from chat.store.export_records import ExportRecord
from chat.store.exports import containing
from chat.store.owned import own_conversation
from chat.store.purging import note
from chat.store.records import Consents, Conversation, ConversationSummary
from chat.store.study_tables import study_item
from chat.store.tables import conversation, turn

TITLE_LENGTH: Final = 60


IN_A_STUDY: Final = exists().where(study_item.c.conversation_id == conversation.c.id)
"""A study's conversations are not talks: they stand in no list of those."""


def title_from(message: str) -> str:
    """The beginning of a first message on one line, about 60 characters, ending with a word."""
    words = " ".join(message.split())
    if len(words) <= TITLE_LENGTH:
        return words
    cut = words[:TITLE_LENGTH]
    return cut[: cut.rfind(" ") if " " in cut[TITLE_LENGTH // 2 :] else None].rstrip() + "…"


async def create(
    connection: AsyncConnection,
    owner: str,
    persona: str,
    scenario: str,
    consents: Consents,
    *,
    title: str,
    model: str | None = None,
) -> Conversation:
    now = datetime.now(UTC)
    statement = (
        insert(conversation)
        .values(
            id=uuid4(),
            owner=owner,
            title=title,
            persona=persona,
            scenario=scenario,
            **consents.model_dump(),
            model=model,
            created_at=now,
            updated_at=now,
        )
        .returning(conversation)
    )
    return _record((await connection.execute(statement)).mappings().one())


async def get(connection: AsyncConnection, owner: str, conversation_id: UUID) -> Conversation:
    query = select(conversation).where(
        conversation.c.id == conversation_id, conversation.c.owner == owner
    )
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("conversation")
    return _record(row)


async def listed(
    connection: AsyncConnection, owner: str, limit: int, offset: int
) -> list[ConversationSummary]:
    """The owner's conversations, the one last talked in first. `turns`: those on the open path."""
    query = (
        select(
            conversation.c.id,
            conversation.c.title,
            func.coalesce(turn.c.number, 0).label("turns"),
            conversation.c.updated_at,
        )
        .outerjoin(turn, turn.c.id == conversation.c.head_turn_id)
        .where(conversation.c.owner == owner, ~IN_A_STUDY)
        .order_by(conversation.c.updated_at.desc(), conversation.c.id)
        .limit(limit)
        .offset(offset)
    )
    rows = (await connection.execute(query)).mappings()
    return [ConversationSummary(**row) for row in rows]


async def latest(connection: AsyncConnection, owner: str) -> Conversation | None:
    query = (
        select(conversation)
        .where(conversation.c.owner == owner, ~IN_A_STUDY)
        .order_by(conversation.c.updated_at.desc(), conversation.c.id)
        .limit(1)
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else _record(row)


async def change(
    connection: AsyncConnection, owner: str, conversation_id: UUID, values: Mapping[str, Any]
) -> None:
    """Sets columns; the time of the last talk stays."""
    changed = await connection.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id, conversation.c.owner == owner)
        .values(**values)
    )
    if changed.rowcount == 0:
        raise NotFound("conversation")
    if "title" in values:
        await shelf.words_changed(connection, conversation.c.id == conversation_id)


async def remove(
    connection: AsyncConnection, owner: str, conversation_id: UUID
) -> list[ExportRecord]:
    """Deletes a conversation with everything that hangs on it; gives the exports that had it."""
    await own_conversation(connection, owner, conversation_id, writing=True)
    # Turns hang on replies that hang on turns: SQLite would follow that chain as deep as the
    # conversation is long, and it stops at a depth of 1,000. Loosened, all turns lie side by side.
    await connection.execute(
        update(turn)
        .where(turn.c.conversation_id == conversation_id)
        .values(parent_reply_id=None, number=1)
    )
    await connection.execute(delete(conversation).where(conversation.c.id == conversation_id))
    await note(connection)
    return await containing(connection, conversation_id)


def _record(row: RowMapping) -> Conversation:
    values = dict(row)
    consents = Consents(**{name: values.pop(name) for name in Consents.model_fields})
    for name in ("writer", "writer_seen"):  # the lease's own (chat.store.leases)
        del values[name]
    return Conversation(consents=consents, **values)
