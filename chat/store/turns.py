"""Turns: what the seeker said, with all that came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import Select, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import tree
from chat.store.conversations import title_from
from chat.store.errors import NotFound
from chat.store.owned import own_conversation, own_turn
from chat.store.records import Reply, Turn
from chat.store.replies import load as load_replies
from chat.store.tables import reply, turn


async def add(
    connection: AsyncConnection,
    owner: str,
    conversation_id: UUID,
    message: str,
    *,
    parent_reply_id: UUID | None,
    crisis: str | None,
) -> Turn:
    """A new turn after a reply of the same conversation (None: a first turn); becomes the head."""
    title = await own_conversation(connection, owner, conversation_id, writing=True)
    now = datetime.now(UTC)
    statement = (
        insert(turn)
        .values(
            id=uuid4(),
            conversation_id=conversation_id,
            parent_reply_id=parent_reply_id,
            number=await _next_number(connection, conversation_id, parent_reply_id),
            message=message,
            crisis=crisis,
            created_at=now,
        )
        .returning(turn)
    )
    new = Turn(**(await connection.execute(statement)).mappings().one())
    also = {"title": title_from(message)} if parent_reply_id is None and not title else {}
    await tree.open_path(connection, conversation_id, new.id, updated_at=now, **also)
    return new


async def _next_number(
    connection: AsyncConnection, conversation_id: UUID, parent_reply_id: UUID | None
) -> int:
    if parent_reply_id is None:
        return 1
    query = (
        select(turn.c.number)
        .join(reply, reply.c.turn_id == turn.c.id)
        .where(reply.c.id == parent_reply_id, turn.c.conversation_id == conversation_id)
    )
    number = await connection.scalar(query)
    if number is None:
        raise NotFound("reply")
    return int(number) + 1


async def get(connection: AsyncConnection, owner: str, turn_id: UUID) -> Turn:
    await own_turn(connection, owner, turn_id)
    return (await load(connection, owner, select(turn.c.id).where(turn.c.id == turn_id)))[0]


async def path(
    connection: AsyncConnection, owner: str, conversation_id: UUID, turn_id: UUID | None
) -> list[Turn]:
    """The turns from the first to `turn_id` (None: to the head), each with all its replies.

    A fixed number of statements, however long the path is. `chosen` is said of the reply that this
    path follows, also where another one is open.
    """
    await own_conversation(connection, owner, conversation_id)
    if turn_id is not None and await own_turn(connection, owner, turn_id) != conversation_id:
        raise NotFound("turn")
    up = tree.path_to(tree.head_of(conversation_id) if turn_id is None else turn_id)
    found = await load(connection, owner, select(up.c.id))
    following = [later.parent_reply_id for later in found[1:]]
    return [
        one.model_copy(update={"replies": tuple(_followed(one.replies, reply_id))})
        for one, reply_id in zip(found, following, strict=False)
    ] + found[-1:]


def _followed(replies: tuple[Reply, ...], reply_id: UUID | None) -> list[Reply]:
    return [
        one
        if one.chosen == (one.id == reply_id)
        else one.model_copy(update={"chosen": one.id == reply_id})
        for one in replies
    ]


async def siblings(connection: AsyncConnection, owner: str, turn_id: UUID) -> list[UUID]:
    """The turns that follow the same reply (or begin the same conversation), oldest first."""
    conversation_id = await own_turn(connection, owner, turn_id)
    parent = select(turn.c.parent_reply_id).where(turn.c.id == turn_id).scalar_subquery()
    query = (
        select(turn.c.id)
        .where(
            turn.c.conversation_id == conversation_id,
            turn.c.parent_reply_id.is_not_distinct_from(parent),
        )
        .order_by(turn.c.created_at, turn.c.id)
    )
    return list((await connection.scalars(query)).all())


async def set_head(
    connection: AsyncConnection, owner: str, conversation_id: UUID, turn_id: UUID
) -> None:
    await own_conversation(connection, owner, conversation_id, writing=True)
    if await own_turn(connection, owner, turn_id) != conversation_id:
        raise NotFound("turn")
    await tree.open_path(connection, conversation_id, turn_id)


async def load(connection: AsyncConnection, owner: str, ids: Select[UUID]) -> list[Turn]:
    """Turns in order of their number, with replies and everything on them."""
    replies = await load_replies(connection, owner, reply.c.turn_id.in_(ids))
    rows = await connection.execute(select(turn).where(turn.c.id.in_(ids)).order_by(turn.c.number))
    by_turn: dict[UUID, list[Reply]] = {}
    for one in replies:
        by_turn.setdefault(one.turn_id, []).append(one)
    return [Turn(**row, replies=tuple(by_turn.get(row["id"], ()))) for row in rows.mappings()]
