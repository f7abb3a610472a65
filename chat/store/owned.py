"""Whose is it? The one place where owners are checked; every statement on a row starts here.

A foreign id and a missing one are the same `NotFound`. A unit that will write takes the
conversation for itself until it commits (`FOR UPDATE` on PostgreSQL; SQLite has one writer anyway),
so that numbers and the chosen reply stay right when several write at once.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVarTuple
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store.errors import NotFound
from chat.store.tables import conversation, reply, turn

Columns = TypeVarTuple("Columns")


class Place(NamedTuple):
    """Where something of an owner's is."""

    conversation_id: UUID
    turn_id: UUID
    reply_id: UUID


async def own_conversation(
    connection: AsyncConnection, owner: str, conversation_id: UUID, writing: bool = False
) -> str:
    """The conversation's title, if it is this owner's."""
    query = select(conversation.c.title).where(conversation.c.id == conversation_id)
    title: str = (await _one(connection, query, owner, "conversation", writing))[0]
    return title


async def own_turn(
    connection: AsyncConnection, owner: str, turn_id: UUID, writing: bool = False
) -> UUID:
    """The conversation of a turn, if it is this owner's."""
    query = select(conversation.c.id).join(
        turn, (turn.c.conversation_id == conversation.c.id) & (turn.c.id == turn_id)
    )
    conversation_id: UUID = (await _one(connection, query, owner, "turn", writing))[0]
    return conversation_id


async def own_reply(
    connection: AsyncConnection, owner: str, reply_id: UUID, writing: bool = False
) -> Place:
    """Where a reply is, if it is this owner's."""
    query = (
        select(conversation.c.id, turn.c.id, reply.c.id)
        .join(turn, turn.c.conversation_id == conversation.c.id)
        .join(reply, (reply.c.turn_id == turn.c.id) & (reply.c.id == reply_id))
    )
    return Place(*await _one(connection, query, owner, "reply", writing))


async def _one(
    connection: AsyncConnection,
    query: Select[*Columns],
    owner: str,
    kind: str,
    writing: bool,
) -> tuple[*Columns]:
    query = query.where(conversation.c.owner == owner)
    if writing:
        query = query.with_for_update(of=conversation)
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound(kind)
    return row
