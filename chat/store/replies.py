"""Replies: begun before their first token, brought up to date, chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import shelf, tree
from chat.store.judgements import load_rewards, load_verdicts
from chat.store.owned import own_reply, own_turn
from chat.store.picks import load_picks
from chat.store.ratings import load_feedback
from chat.store.records import NewReply, Reply, ReplyStatus, ReplyUpdate, Timings
from chat.store.tables import reply
from perm.types import Usage


async def add(
    connection: AsyncConnection, owner: str, turn_id: UUID, new: NewReply, chosen: bool = True
) -> Reply:
    """One more reply to a turn, being written; its turn is the head.

    It is the chosen one, unless it is one of several candidates that begin beside the first.
    """
    conversation_id = await own_turn(connection, owner, turn_id, writing=True)
    now = datetime.now(UTC)
    if chosen:
        await tree.choose_none(connection, turn_id)
    last = select(func.coalesce(func.max(reply.c.number), 0)).where(reply.c.turn_id == turn_id)
    statement = (
        insert(reply)
        .values(
            id=uuid4(),
            turn_id=turn_id,
            number=last.scalar_subquery() + 1,
            status=ReplyStatus.WRITING,
            raw="",
            analysis="",
            response="",
            chosen=chosen,
            created_at=now,
            **new.model_dump(),
        )
        .returning(reply)
    )
    row = (await connection.execute(statement)).mappings().one()
    await shelf.put(connection, row["id"])
    await tree.open_path(connection, conversation_id, turn_id, updated_at=now)
    return _record(row)


async def bring_up_to_date(
    connection: AsyncConnection, owner: str, reply_id: UUID, state: ReplyUpdate
) -> None:
    await own_reply(connection, owner, reply_id, writing=True)
    values = state.model_dump(exclude={"usage", "timings"})
    if values["model"] is None:
        del values["model"]
    values |= state.usage.model_dump() | state.timings.model_dump()
    await connection.execute(update(reply).where(reply.c.id == reply_id).values(**values))
    if state.status is not ReplyStatus.WRITING:  # many times a second: found once it has ended
        await shelf.words_changed(connection, reply.c.id == reply_id)


async def choose(connection: AsyncConnection, owner: str, reply_id: UUID) -> None:
    """The conversation goes on from this reply; what had followed it before comes back."""
    place = await own_reply(connection, owner, reply_id, writing=True)
    await tree.go_on_from(connection, *place)


async def get(connection: AsyncConnection, owner: str, reply_id: UUID) -> Reply:
    await own_reply(connection, owner, reply_id)
    return (await load(connection, owner, reply.c.id == reply_id))[0]


async def load(connection: AsyncConnection, owner: str, which: ColumnElement[bool]) -> list[Reply]:
    """Replies with verdicts, reward, feedback and pick: five statements, however many."""
    ids = select(reply.c.id).where(which)
    query = select(reply).where(which).order_by(reply.c.turn_id, reply.c.number)
    rows = (await connection.execute(query)).mappings().all()
    verdicts = await load_verdicts(connection, ids)
    rewards = await load_rewards(connection, ids)
    feedback = await load_feedback(connection, ids, owner)
    picked = await load_picks(connection, ids)
    return [
        _record(
            row,
            verdicts=tuple(verdicts.get(row["id"], ())),
            reward=rewards.get(row["id"]),
            feedback=feedback.get(row["id"]),
            picked_by=picked.get(row["id"]),
        )
        for row in rows
    ]


def _record(row: RowMapping, **on_it: object) -> Reply:
    values = dict(row)
    usage = Usage(**{name: values.pop(name) for name in Usage.model_fields})
    timings = Timings(**{name: values.pop(name) for name in Timings.model_fields})
    return Reply(**values, usage=usage, timings=timings, **on_it)
