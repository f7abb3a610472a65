"""Tags and a note on a conversation: its owner's own, and found by a search."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import purging, shelf
from chat.store.found import Remarks
from chat.store.owned import own_conversation
from chat.store.shelf_tables import note, tag
from chat.store.tables import conversation
from chat.store.upsert import upsert

TAG_LENGTH = 40
TAGS = 20


async def get(connection: AsyncConnection, owner: str, conversation_id: UUID) -> Remarks:
    await own_conversation(connection, owner, conversation_id)
    tags = select(tag.c.name).where(tag.c.conversation_id == conversation_id).order_by(tag.c.name)
    notes = select(note.c.text).where(note.c.conversation_id == conversation_id)
    return Remarks(
        tags=tuple(await connection.scalars(tags)), note=await connection.scalar(notes) or ""
    )


async def save_tags(
    connection: AsyncConnection, owner: str, conversation_id: UUID, names: Sequence[str]
) -> None:
    """Replaces them. The same tag twice is one; what is too long is cut."""
    await own_conversation(connection, owner, conversation_id, writing=True)
    tidy = {" ".join(name.split())[:TAG_LENGTH].strip() for name in names} - {""}
    await connection.execute(delete(tag).where(tag.c.conversation_id == conversation_id))
    if tidy:
        rows = [{"conversation_id": conversation_id, "name": one} for one in sorted(tidy)[:TAGS]]
        await connection.execute(insert(tag), rows)
    await _changed(connection, conversation_id)


async def save_note(
    connection: AsyncConnection, owner: str, conversation_id: UUID, words: str
) -> None:
    """Replaces it; an empty one is none."""
    await own_conversation(connection, owner, conversation_id, writing=True)
    if words.strip():
        await upsert(
            connection,
            note,
            keys={"conversation_id": conversation_id},
            values={"text": words.strip(), "saved_at": datetime.now(UTC)},
        )
    else:
        await connection.execute(delete(note).where(note.c.conversation_id == conversation_id))
    await _changed(connection, conversation_id)


async def _changed(connection: AsyncConnection, conversation_id: UUID) -> None:
    """What stood there before is cleared from the files with the next deletion, or at the end."""
    await shelf.words_changed(connection, conversation.c.id == conversation_id)
    await purging.note(connection)
