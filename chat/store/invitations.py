"""Other people rate one conversation's replies. The token is the right to that, and to no more.

As with a study's sheets, what leaves here for a rater are texts: no score, no model, no name; the
Analysis only where the owner said so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import ratings, turns
from chat.store.errors import NotFound
from chat.store.invitation_records import Invitation, Invited, ToRate
from chat.store.invitation_tables import invitation
from chat.store.owned import own_conversation
from chat.store.records import Feedback, FeedbackInput, ReplyStatus, Turn
from chat.store.tables import conversation, feedback, reply, turn
from chat.store.tokens import is_token, new_token
from chat.store.upsert import insert_once, upsert

RATED: Final = (ReplyStatus.COMPLETE, ReplyStatus.CUT_SHORT)


async def invite(
    connection: AsyncConnection, owner: str, conversation_id: UUID, with_analysis: bool
) -> Invitation:
    """The conversation's link: a new one, or the one there is, open again."""
    await own_conversation(connection, owner, conversation_id, writing=True)
    await insert_once(
        connection,
        invitation,
        keys={"conversation_id": conversation_id},
        values={
            "token": new_token(),
            "with_analysis": with_analysis,
            "closed": False,
            "created_at": datetime.now(UTC),
        },
    )
    await connection.execute(
        update(invitation)
        .where(invitation.c.conversation_id == conversation_id)
        .values(with_analysis=with_analysis, closed=False)
    )
    return await get(connection, owner, conversation_id)


async def get(connection: AsyncConnection, owner: str, conversation_id: UUID) -> Invitation:
    """Raises `NotFound` where nobody was invited."""
    await own_conversation(connection, owner, conversation_id)
    query = select(invitation).where(invitation.c.conversation_id == conversation_id)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("invitation")
    raters = select(func.count(feedback.c.rater.distinct())).where(
        feedback.c.reply_id.in_(_replies_of(conversation_id)), feedback.c.rater != owner
    )
    return Invitation(**row, raters=await connection.scalar(raters) or 0)


async def close(connection: AsyncConnection, owner: str, conversation_id: UUID) -> None:
    """Take no more ratings by this link; those that were given stay."""
    await own_conversation(connection, owner, conversation_id, writing=True)
    await connection.execute(
        update(invitation)
        .where(invitation.c.conversation_id == conversation_id)
        .values(closed=True)
    )


async def read(connection: AsyncConnection, token: str, rater: str) -> Invited:
    """What the link leads to. Raises `NotFound` for a token that there is not."""
    place = await _place(connection, token)
    path = await turns.path(connection, place["owner"], place["conversation_id"], None)
    given = await ratings.load_feedback(connection, _replies_of(place["conversation_id"]), rater)
    shown = place["with_analysis"]
    found = (_to_rate(one, given, shown) for one in path)
    return Invited(
        persona=place["persona"],
        scenario=place["scenario"],
        with_analysis=shown,
        closed=place["closed"],
        turns=tuple(one for one in found if one is not None),
    )


async def rate(
    connection: AsyncConnection, token: str, rater: str, reply_id: UUID, given: FeedbackInput
) -> None:
    """Replaces what this rater said of this reply before."""
    place = await _open(connection, token)
    known = select(reply.c.id).where(
        reply.c.id == reply_id, reply.c.id.in_(_replies_of(place["conversation_id"]))
    )
    if await connection.scalar(known) is None:
        raise NotFound("reply")
    values = {name: getattr(given, name) for name in FeedbackInput.model_fields}
    await upsert(
        connection,
        feedback,
        keys={"reply_id": reply_id, "rater": rater},
        values=values | {"saved_at": datetime.now(UTC)},
        new={"id": uuid4()},
        where=feedback.c.other_reply_id.is_(None),
    )


async def withdraw(connection: AsyncConnection, token: str, rater: str) -> None:
    """Takes back all that a rater said by this link. The owner's own feedback is another matter."""
    place = await _place(connection, token)
    if rater != place["owner"]:
        await connection.execute(
            delete(feedback).where(
                feedback.c.rater == rater,
                feedback.c.other_reply_id.is_(None),
                feedback.c.reply_id.in_(_replies_of(place["conversation_id"])),
            )
        )


async def _open(connection: AsyncConnection, token: str) -> RowMapping:
    place = await _place(connection, token)
    if place["closed"]:
        raise NotFound("invitation")
    return place


async def _place(connection: AsyncConnection, token: str) -> RowMapping:
    if not is_token(token):
        raise NotFound("invitation")
    query = (
        select(invitation, conversation.c.owner, conversation.c.persona, conversation.c.scenario)
        .join(conversation, conversation.c.id == invitation.c.conversation_id)
        .where(invitation.c.token == token)
    )
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("invitation")
    return row


def _replies_of(conversation_id: UUID) -> Select[UUID]:
    return (
        select(reply.c.id)
        .join(turn, turn.c.id == reply.c.turn_id)
        .where(turn.c.conversation_id == conversation_id)
    )


def _to_rate(one: Turn, given: dict[UUID, Feedback], with_analysis: bool) -> ToRate | None:
    """The reply that the conversation went on from, if it came to its end."""
    chosen = one.chosen
    if chosen is None or chosen.status not in RATED or not chosen.response:
        return None
    return ToRate(
        reply_id=chosen.id,
        number=one.number,
        message=one.message,
        response=chosen.response,
        analysis=chosen.analysis if with_analysis else None,
        crisis=one.crisis or chosen.crisis,
        given=given.get(chosen.id),
    )
