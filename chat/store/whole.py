"""Whole conversations, as an export reads them: every turn of the tree, every rater's word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import conversations, turns
from chat.store.export_records import Compared, WholeConversation
from chat.store.records import Feedback
from chat.store.study_records import Choice, PickedBy, Side
from chat.store.study_tables import comparison, pick, study_item, vote
from chat.store.tables import conversation, feedback, reply, turn


async def owners(connection: AsyncConnection) -> list[str]:
    """Everybody who has a conversation here. For an administrator alone."""
    query = select(conversation.c.owner).distinct().order_by(conversation.c.owner)
    return list((await connection.scalars(query)).all())


async def conversation_ids(connection: AsyncConnection, owner: str) -> list[UUID]:
    """All of an owner's conversations, oldest first."""
    query = (
        select(conversation.c.id)
        .where(conversation.c.owner == owner)
        .order_by(conversation.c.created_at, conversation.c.id)
    )
    return list((await connection.scalars(query)).all())


async def whole(
    connection: AsyncConnection, owner: str, conversation_id: UUID
) -> WholeConversation:
    """A conversation with every turn, the edited and the branched ones too, on one snapshot."""
    place = await conversations.get(connection, owner, conversation_id)
    ids = select(turn.c.id).where(turn.c.conversation_id == conversation_id)
    found = await turns.load(connection, owner, ids)
    return WholeConversation(
        conversation=place,
        turns=tuple(sorted(found, key=lambda one: (one.number, one.created_at, one.id))),
        opinions=tuple(await _opinions(connection, conversation_id)),
        compared=(
            *await _votes(connection, conversation_id),
            *await _picks(connection, conversation_id),
            *await _preferences(connection, conversation_id),
        ),
    )


async def _opinions(connection: AsyncConnection, conversation_id: UUID) -> list[Feedback]:
    """What every rater, whoever it was, said of single replies."""
    query = _feedback(conversation_id, Feedback.model_fields).where(
        feedback.c.other_reply_id.is_(None)
    )
    return [Feedback(**row) for row in (await connection.execute(query)).mappings()]


async def _votes(connection: AsyncConnection, conversation_id: UUID) -> list[Compared]:
    """The blind votes of every rater of a study that this conversation is an item of."""
    query = (
        select(
            study_item.c.a_reply_id,
            study_item.c.b_reply_id,
            comparison.c.left_side,
            vote.c.choice,
            vote.c.margin,
        )
        .join(comparison, comparison.c.item_id == study_item.c.id)
        .join(vote, vote.c.comparison_id == comparison.c.id)
        .where(
            study_item.c.conversation_id == conversation_id, study_item.c.a_reply_id.is_not(None)
        )
        .order_by(vote.c.voted_at, vote.c.comparison_id)
    )
    found = []
    for a, b, left_side, choice, margin in (await connection.execute(query)).all():
        left, right = (a, b) if left_side == Side.A else (b, a)
        winner = {Choice.LEFT: left, Choice.RIGHT: right}.get(Choice(choice))
        found.append(Compared(one=a, other=b, winner=winner, how="vote", margin=margin))
    return found


async def _picks(connection: AsyncConnection, conversation_id: UUID) -> list[Compared]:
    """A reply that a person picked, against each of those that were there to be picked."""
    query = (
        select(pick.c.reply_id, reply.c.id)
        .join(turn, turn.c.id == pick.c.turn_id)
        .join(reply, (reply.c.turn_id == turn.c.id) & (reply.c.id != pick.c.reply_id))
        .where(
            turn.c.conversation_id == conversation_id,
            pick.c.picked_by == PickedBy.PERSON,
            reply.c.created_at <= pick.c.picked_at,
        )
        .order_by(pick.c.picked_at, reply.c.number)
    )
    rows = (await connection.execute(query)).all()
    return [Compared(one=one, other=other, winner=one, how="pick") for one, other in rows]


async def _preferences(connection: AsyncConnection, conversation_id: UUID) -> list[Compared]:
    """What raters preferred between two replies, as it stands in their feedback."""
    columns = ("reply_id", "other_reply_id", "preference")
    query = _feedback(conversation_id, columns).where(feedback.c.other_reply_id.is_not(None))
    return [
        Compared(one=one, other=other, winner={"this": one, "other": other}.get(said), how="vote")
        for one, other, said in (await connection.execute(query)).all()
    ]


def _feedback(conversation_id: UUID, columns: Iterable[str]) -> Select[*tuple[Any, ...]]:
    return (
        select(*(feedback.c[name] for name in columns))
        .join(reply, reply.c.id == feedback.c.reply_id)
        .join(turn, turn.c.id == reply.c.turn_id)
        .where(turn.c.conversation_id == conversation_id)
        .order_by(feedback.c.saved_at, feedback.c.id)
    )
