"""A study as one of its raters sees it. The token is the right to rate, and to nothing else.

A rater reads replies of conversations that are the study owner's. So this is the one place that
asks for no owner: every statement begins at the token, and what leaves here are the texts of a
comparison, never an Analysis, a model, a prompt or a score.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, case, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import purging, studies
from chat.store.errors import NotFound
from chat.store.study_records import Ballot, NewVote, Progress, Sheet, Side, Study
from chat.store.study_tables import comparison, study, study_item, study_rater, vote
from chat.store.tables import conversation, reply, turn
from chat.store.tokens import is_token
from chat.store.upsert import insert_once


async def by_token(connection: AsyncConnection, token: str, writing: bool = False) -> Study:
    """The study that a link leads to. Raises `NotFound` for a token that there is not."""
    if not is_token(token):
        raise NotFound("study")
    query = select(study).where(study.c.token == token)
    if writing:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("study")
    return studies.as_study(row)


async def join(connection: AsyncConnection, token: str, rater: str) -> None:
    """The rater agrees that the votes are kept, and gets an order and sides of their own."""
    place = await by_token(connection, token, writing=True)
    last = select(func.coalesce(func.max(study_rater.c.number), 0)).where(
        study_rater.c.study_id == place.id
    )
    number = (await connection.scalar(last) or 0) + 1
    values = {"id": uuid4(), "number": number, "consented_at": datetime.now(UTC)}
    keys = {"study_id": place.id, "rater": rater}
    await insert_once(connection, study_rater, keys=keys, values=values)
    await _deal(connection, place.id, await _rater(connection, place.id, rater))


async def progress(connection: AsyncConnection, token: str, rater: str) -> Progress:
    place = await by_token(connection, token)
    mine = await _find_rater(connection, place.id, rater)
    ready = func.sum(case((study_item.c.a_reply_id.is_not(None), 1), else_=0))
    if mine is None:
        all_items = select(func.count(), ready).where(study_item.c.study_id == place.id)
        total, now = (await connection.execute(all_items)).one()
        return Progress(joined=False, total=total, ready=now or 0)
    deal = select(func.count(), func.count(vote.c.comparison_id), ready).select_from(
        study_item.outerjoin(
            comparison, (comparison.c.item_id == study_item.c.id) & (comparison.c.rater_id == mine)
        ).outerjoin(vote, vote.c.comparison_id == comparison.c.id)
    )
    query = deal.where(study_item.c.study_id == place.id)
    total, done, now = (await connection.execute(query)).one()
    return Progress(joined=True, done=done, total=total, ready=(now or 0) - done)


async def next_sheet(connection: AsyncConnection, token: str, rater: str) -> Sheet | None:
    """The rater's next comparison whose replies are both there; None where there is none now."""
    place = await by_token(connection, token, writing=True)
    mine = await _rater(connection, place.id, rater)
    await _deal(connection, place.id, mine)  # what was added since
    query = (
        _sheets(mine)
        .where(vote.c.comparison_id.is_(None), study_item.c.a_reply_id.is_not(None))
        .order_by(comparison.c.place)
        .limit(1)
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Sheet(**row)


async def sheet(connection: AsyncConnection, token: str, rater: str, comparison_id: UUID) -> Sheet:
    """One of the rater's own comparisons, voted on or not."""
    place = await by_token(connection, token)
    mine = await _rater(connection, place.id, rater)
    query = _sheets(mine).where(
        comparison.c.id == comparison_id, study_item.c.a_reply_id.is_not(None)
    )
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("comparison")
    return Sheet(**row)


def _sheets(mine: UUID) -> Select[Any]:
    a, b = reply.alias("a"), reply.alias("b")
    a_left = comparison.c.left_side == Side.A
    return (
        select(
            comparison.c.id.label("comparison_id"),
            comparison.c.place,
            conversation.c.persona,
            conversation.c.scenario,
            turn.c.message,
            func.coalesce(turn.c.crisis, a.c.crisis, b.c.crisis).label("crisis"),
            case((a_left, a.c.response), else_=b.c.response).label("left"),
            case((a_left, b.c.response), else_=a.c.response).label("right"),
        )
        .select_from(comparison)
        .join(study_item, study_item.c.id == comparison.c.item_id)
        .join(conversation, conversation.c.id == study_item.c.conversation_id)
        .join(a, a.c.id == study_item.c.a_reply_id)
        .join(b, b.c.id == study_item.c.b_reply_id)
        .join(turn, turn.c.id == a.c.turn_id)
        .outerjoin(vote, vote.c.comparison_id == comparison.c.id)
        .where(comparison.c.rater_id == mine)
    )


async def save_vote(
    connection: AsyncConnection, token: str, rater: str, comparison_id: UUID, given: NewVote
) -> None:
    """Keeps a vote. It is given once: a second one changes nothing, so a reload cannot."""
    await sheet(connection, token, rater, comparison_id)
    values = given.model_dump() | {"voted_at": datetime.now(UTC)}
    await insert_once(connection, vote, keys={"comparison_id": comparison_id}, values=values)


async def own_ballot(
    connection: AsyncConnection, token: str, rater: str, comparison_id: UUID
) -> Ballot:
    """The rater's own vote with who stood where: only after it was given."""
    await sheet(connection, token, rater, comparison_id)
    found = await studies.ballot(connection, comparison_id)
    if found is None:
        raise NotFound("vote")
    return found


async def withdraw(connection: AsyncConnection, token: str, rater: str) -> None:
    """Takes back all that a rater gave to a study, the consent among it."""
    place = await by_token(connection, token, writing=True)
    mine = await _rater(connection, place.id, rater)
    await connection.execute(study_rater.delete().where(study_rater.c.id == mine))
    await purging.note(connection)


async def _rater(connection: AsyncConnection, study_id: UUID, rater: str) -> UUID:
    found = await _find_rater(connection, study_id, rater)
    if found is None:
        raise NotFound("rater")
    return found


async def _find_rater(connection: AsyncConnection, study_id: UUID, rater: str) -> UUID | None:
    found: UUID | None = await connection.scalar(
        select(study_rater.c.id).where(
            study_rater.c.study_id == study_id, study_rater.c.rater == rater
        )
    )
    return found


async def _deal(connection: AsyncConnection, study_id: UUID, mine: UUID) -> None:
    """A place and sides, both at random, for the items that this rater has none for yet."""
    dealt = select(comparison.c.item_id).where(comparison.c.rater_id == mine)
    query = select(study_item.c.id).where(
        study_item.c.study_id == study_id, study_item.c.id.not_in(dealt)
    )
    fresh: Sequence[UUID] = (await connection.scalars(query)).all()
    if not fresh:
        return
    last = select(func.coalesce(func.max(comparison.c.place), 0)).where(
        comparison.c.rater_id == mine
    )
    before = await connection.scalar(last) or 0
    draw = secrets.SystemRandom()
    rows = [
        {
            "id": uuid4(),
            "rater_id": mine,
            "item_id": item_id,
            "place": before + place,
            "left_side": draw.choice(list(Side)),
        }
        for place, item_id in enumerate(draw.sample(fresh, len(fresh)), start=1)
    ]
    await connection.execute(insert(comparison), rows)
