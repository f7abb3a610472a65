"""The tree of turns: which path is open, and how it moves.

A turn follows a reply, a reply answers a turn. The open path runs from a first turn to the head; on
it each turn's chosen reply is the one that the next turn follows. Every function here that moves
the head or the choice keeps that so.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CTE, ScalarSelect, Select, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store.tables import conversation, reply, turn


def path_to(leaf: UUID | ScalarSelect[UUID]) -> CTE:
    """The turns from `leaf` up to its first turn: columns id and parent_reply_id."""
    up = (
        select(turn.c.id, turn.c.parent_reply_id).where(turn.c.id == leaf).cte("up", recursive=True)
    )
    return up.union_all(
        select(turn.c.id, turn.c.parent_reply_id)
        .join(reply, reply.c.turn_id == turn.c.id)
        .join(up, up.c.parent_reply_id == reply.c.id)
    )


def head_of(conversation_id: UUID) -> ScalarSelect[UUID]:
    return (
        select(conversation.c.head_turn_id)
        .where(conversation.c.id == conversation_id)
        .scalar_subquery()
    )


def newest_under(reply_id: UUID) -> Select[UUID]:
    """The turn said last among all that follow a reply, directly or further on."""
    down = select(turn.c.id).where(turn.c.parent_reply_id == reply_id).cte("down", recursive=True)
    down = down.union_all(
        select(turn.c.id)
        .join(reply, reply.c.id == turn.c.parent_reply_id)
        .join(down, down.c.id == reply.c.turn_id)
    )
    return (
        select(turn.c.id)
        .join(down, down.c.id == turn.c.id)
        .order_by(turn.c.created_at.desc(), turn.c.number.desc())
        .limit(1)
    )


async def choose(connection: AsyncConnection, turn_id: UUID, reply_id: UUID) -> None:
    """Makes one reply of a turn the chosen one; first none is, for there is never more than one."""
    await choose_none(connection, turn_id)
    await connection.execute(update(reply).where(reply.c.id == reply_id).values(chosen=True))


async def choose_none(connection: AsyncConnection, turn_id: UUID) -> None:
    await connection.execute(
        update(reply).where(reply.c.turn_id == turn_id, reply.c.chosen).values(chosen=False)
    )


async def open_path(
    connection: AsyncConnection, conversation_id: UUID, head: UUID, **also: datetime | str
) -> None:
    """Makes `head` the open leaf, and the replies that lead to it the chosen ones.

    `also`: further columns of the conversation to set with it.
    """
    await connection.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id)
        .values(head_turn_id=head, **also)
    )
    up = path_to(head)
    followed = select(up.c.parent_reply_id).where(up.c.parent_reply_id.is_not(None))
    wrong = select(reply.c.id, reply.c.turn_id).where(
        reply.c.id.in_(followed), reply.c.chosen != true()
    )
    for reply_id, turn_id in (await connection.execute(wrong)).all():
        await choose(connection, turn_id, reply_id)


async def go_on_from(
    connection: AsyncConnection, conversation_id: UUID, turn_id: UUID, reply_id: UUID
) -> None:
    """Chooses a reply; what was said after it comes back, else its turn becomes the head."""
    await choose(connection, turn_id, reply_id)
    newest = await connection.scalar(newest_under(reply_id))
    await open_path(connection, conversation_id, newest or turn_id)
