"""Who writes where: a lease on a conversation, so that several app processes share a database.

One process at a time writes a reply in a conversation. It says so in the conversation's row and
renews that while it lives; a lease that was not renewed for `LEASE`, or whose process is known to
have ended, is nobody's, and replies that were being written under it are interrupted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import shelf
from chat.store.owned import own_conversation
from chat.store.records import ReplyStatus
from chat.store.tables import conversation, reply, turn
from chat.store.writers import Writer

RENEW_SECONDS: Final = 5.0
LEASE: Final = timedelta(seconds=30)
"""Several missed renewals: a busy process keeps what it has, a dead one does not for long."""


async def take(
    connection: AsyncConnection, owner: str, conversation_id: UUID, writer: Writer
) -> bool:
    """Take the conversation for this process; False where another one writes in it."""
    await own_conversation(connection, owner, conversation_id, writing=True)
    if await _holder(connection, conversation_id, writer) is not None:
        return False
    await _interrupt(connection, conversation.c.id == conversation_id)
    await connection.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id)
        .values(writer=str(writer), writer_seen=await _now(connection))
    )
    return True


async def release(connection: AsyncConnection, conversation_id: UUID, writer: Writer) -> None:
    """Give it back, if it is still this process's."""
    await connection.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id, conversation.c.writer == str(writer))
        .values(writer=None, writer_seen=None)
    )


async def elsewhere(
    connection: AsyncConnection, owner: str, conversation_id: UUID, writer: Writer
) -> bool:
    """Whether another process writes in it."""
    await own_conversation(connection, owner, conversation_id)
    return await _holder(connection, conversation_id, writer) is not None


async def held(connection: AsyncConnection, conversation_id: UUID, writer: Writer) -> bool:
    """The same, whoever owns it; False where it is gone."""
    return await _holder(connection, conversation_id, writer) is not None


async def any_taken(connection: AsyncConnection) -> bool:
    """Whether there is a lease at all: asked often, and cheap."""
    query = select(conversation.c.id).where(conversation.c.writer.is_not(None)).limit(1)
    return (await connection.execute(query)).first() is not None


async def renew(connection: AsyncConnection, writer: Writer) -> int:
    """Renew this process's leases; end those of dead ones. How many replies were interrupted."""
    await connection.execute(
        update(conversation)
        .where(conversation.c.writer == str(writer))
        .values(writer_seen=await _now(connection))
    )
    return await _end_dead(connection, writer)


async def mark_interrupted(connection: AsyncConnection, writer: Writer) -> int:
    """On start: every owner's replies that are said to be being written, and that nobody writes.

    What another living process is writing is left alone.
    """
    marked = await _end_dead(connection, writer)
    return marked + await _interrupt(connection, conversation.c.writer.is_(None))


async def _end_dead(connection: AsyncConnection, writer: Writer) -> int:
    now = await _now(connection)
    query = select(conversation.c.id, conversation.c.writer, conversation.c.writer_seen).where(
        conversation.c.writer.is_not(None)
    )
    dead = [
        row.id
        for row in await connection.execute(query)
        if row.writer != str(writer) and not _lives(row.writer, row.writer_seen, now, writer)
    ]
    if not dead:
        return 0
    marked = await _interrupt(connection, conversation.c.id.in_(dead))
    await connection.execute(
        update(conversation)
        .where(conversation.c.id.in_(dead))
        .values(writer=None, writer_seen=None)
    )
    return marked


async def _holder(connection: AsyncConnection, conversation_id: UUID, writer: Writer) -> str | None:
    """The other process that writes here, if one lives."""
    query = select(conversation.c.writer, conversation.c.writer_seen).where(
        conversation.c.id == conversation_id
    )
    row = (await connection.execute(query)).first()
    holder, seen = row or (None, None)
    if holder is None or holder == str(writer):
        return None
    lives = _lives(holder, seen, await _now(connection), writer)
    return str(holder) if lives else None


def _lives(holder: str, seen: datetime | None, now: datetime, writer: Writer) -> bool:
    return seen is not None and now - seen < LEASE and not writer.knows_gone(holder)


async def _interrupt(connection: AsyncConnection, which: ColumnElement[bool]) -> int:
    turns: Select[UUID] = (
        select(turn.c.id)
        .join(conversation, conversation.c.id == turn.c.conversation_id)
        .where(which)
    )
    marked = (
        update(reply)
        .where(reply.c.status == ReplyStatus.WRITING, reply.c.turn_id.in_(turns))
        .values(status=ReplyStatus.INTERRUPTED)
        .returning(reply.c.id)
    )
    found = list(await connection.scalars(marked))
    for reply_id in found:
        await shelf.words_changed(connection, reply.c.id == reply_id)
    return len(found)


async def _now(connection: AsyncConnection) -> datetime:
    """The server's own time, where machines that share it may disagree; else this machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    found: datetime | None = await connection.scalar(select(func.clock_timestamp()))
    return found or datetime.now(UTC)
