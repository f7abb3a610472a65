"""Studies as their owner sees them: made, followed, closed, deleted, their ballots read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, RowMapping, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import conversations, purging
from chat.store.errors import NotFound
from chat.store.records import Consents
from chat.store.study_records import (
    Ballot,
    Contestant,
    Item,
    NewStudy,
    Side,
    Study,
    StudyPrompt,
    StudySummary,
)
from chat.store.study_tables import comparison, study, study_item, study_rater, vote
from chat.store.tables import reply, reward
from chat.store.tokens import new_token


async def create(
    connection: AsyncConnection, owner: str, new: NewStudy, prompts: Sequence[StudyPrompt]
) -> Study:
    """A study with an item, and a conversation of the owner's, for each prompt."""
    values: dict[str, Any] = new.model_dump(exclude={"a", "b"})
    for side in Side:
        contestant = new.a if side is Side.A else new.b
        values |= {f"{side}_{name}": value for name, value in contestant.model_dump().items()}
    statement = (
        insert(study)
        .values(
            id=uuid4(),
            owner=owner,
            token=new_token(),
            closed=False,
            created_at=datetime.now(UTC),
            **values,
        )
        .returning(study)
    )
    made = as_study((await connection.execute(statement)).mappings().one())
    for prompt in prompts:
        await _add(connection, made, prompt)
    return made


async def add_item(
    connection: AsyncConnection, owner: str, study_id: UUID, prompt: StudyPrompt
) -> Item:
    """One more prompt of a study of one's own."""
    return await _add(connection, await get(connection, owner, study_id, writing=True), prompt)


async def _add(connection: AsyncConnection, place: Study, prompt: StudyPrompt) -> Item:
    last = select(func.coalesce(func.max(study_item.c.number), 0)).where(
        study_item.c.study_id == place.id
    )
    number = (await connection.scalar(last) or 0) + 1
    consents = Consents(keep=True, research=place.research, train=place.train)
    talk = await conversations.create(
        connection,
        place.owner,
        prompt.persona,
        prompt.scenario,
        consents,
        title=f"{place.name} · {number}",
    )
    statement = (
        insert(study_item)
        .values(
            id=uuid4(),
            study_id=place.id,
            number=number,
            conversation_id=talk.id,
            message=prompt.message,
        )
        .returning(study_item)
    )
    return Item(**(await connection.execute(statement)).mappings().one())


async def get(
    connection: AsyncConnection, owner: str, study_id: UUID, writing: bool = False
) -> Study:
    query = select(study).where(study.c.id == study_id, study.c.owner == owner)
    row = (await connection.execute(query.with_for_update() if writing else query)).mappings()
    found = row.first()
    if found is None:
        raise NotFound("study")
    return as_study(found)


async def listed(connection: AsyncConnection, owner: str) -> list[StudySummary]:
    """The owner's studies with how far they are, newest first."""
    query = select(study).where(study.c.owner == owner).order_by(study.c.created_at.desc())
    rows = (await connection.execute(query)).mappings().all()
    return [await summary_of(connection, as_study(row)) for row in rows]


async def summary(connection: AsyncConnection, owner: str, study_id: UUID) -> StudySummary:
    return await summary_of(connection, await get(connection, owner, study_id))


async def summary_of(connection: AsyncConnection, found: Study) -> StudySummary:
    mine = study_item.c.study_id == found.id
    items = select(
        func.count(), func.count(study_item.c.a_reply_id), func.count(study_item.c.error)
    ).where(mine)
    total, ready, failed = (await connection.execute(items)).one()
    raters = select(func.count()).select_from(study_rater)
    votes = select(func.count()).select_from(vote.join(comparison).join(study_item)).where(mine)
    return StudySummary(
        study=found,
        items=total,
        ready=ready,
        failed=failed,
        raters=await connection.scalar(raters.where(study_rater.c.study_id == found.id)) or 0,
        votes=await connection.scalar(votes) or 0,
    )


async def items(connection: AsyncConnection, owner: str, study_id: UUID) -> list[Item]:
    await get(connection, owner, study_id)
    query = (
        select(study_item).where(study_item.c.study_id == study_id).order_by(study_item.c.number)
    )
    return [Item(**row) for row in (await connection.execute(query)).mappings()]


async def waiting(connection: AsyncConnection) -> list[tuple[Study, Item]]:
    """Items of every owner that have no replies yet and did not fail: what a restart goes on with.

    The order is that in which they came.
    """
    query = (
        select(study_item.c.id, study.c.id)
        .join(study, study.c.id == study_item.c.study_id)
        .where(study_item.c.a_reply_id.is_(None), study_item.c.error.is_(None))
        .order_by(study.c.created_at, study_item.c.number)
    )
    found = []
    for item_id, study_id in (await connection.execute(query)).all():
        item = select(study_item).where(study_item.c.id == item_id)
        place = select(study).where(study.c.id == study_id)
        found.append(
            (
                as_study((await connection.execute(place)).mappings().one()),
                Item(**(await connection.execute(item)).mappings().one()),
            )
        )
    return found


async def set_replies(
    connection: AsyncConnection, owner: str, item_id: UUID, a_reply_id: UUID, b_reply_id: UUID
) -> None:
    """Both contestants have answered."""
    await _change(
        connection, owner, item_id, a_reply_id=a_reply_id, b_reply_id=b_reply_id, error=None
    )


async def set_error(
    connection: AsyncConnection, owner: str, item_id: UUID, error: str | None
) -> None:
    """Why there are no replies; None: it is to be tried again.

    An item that has its replies keeps them and has no error: another process was quicker.
    """
    missing = study_item.c.a_reply_id.is_(None)
    await _change(connection, owner, item_id, error=case((missing, error), else_=None))


async def _change(connection: AsyncConnection, owner: str, item_id: UUID, **values: object) -> None:
    own = select(study.c.id).where(study.c.owner == owner)
    changed = await connection.execute(
        update(study_item)
        .where(study_item.c.id == item_id, study_item.c.study_id.in_(own))
        .values(**values)
    )
    if changed.rowcount == 0:
        raise NotFound("study")


async def close(connection: AsyncConnection, owner: str, study_id: UUID, closed: bool) -> None:
    """Take no more votes, or take them again."""
    await get(connection, owner, study_id, writing=True)
    await connection.execute(update(study).where(study.c.id == study_id).values(closed=closed))


async def remove(connection: AsyncConnection, owner: str, study_id: UUID) -> None:
    """Deletes a study with its conversations, raters and votes."""
    await get(connection, owner, study_id, writing=True)
    talks = select(study_item.c.conversation_id).where(study_item.c.study_id == study_id)
    for conversation_id in (await connection.scalars(talks)).all():
        await conversations.remove(connection, owner, conversation_id)
    await connection.execute(study.delete().where(study.c.id == study_id))
    await purging.note(connection)


async def ballots(
    connection: AsyncConnection, owner: str, study_id: UUID | None = None
) -> list[Ballot]:
    """Every vote in one study of the owner's, or in all of them, in the order of voting."""
    if study_id is not None:
        await get(connection, owner, study_id)
    return await _ballots(connection, _of_owner(owner, study_id))


def _of_owner(owner: str, study_id: UUID | None) -> ColumnElement[bool]:
    own = study.c.owner == owner
    return own if study_id is None else own & (study.c.id == study_id)


async def _ballots(connection: AsyncConnection, which: ColumnElement[bool]) -> list[Ballot]:
    a, b = reply.alias("a"), reply.alias("b")
    a_reward, b_reward = reward.alias("a_reward"), reward.alias("b_reward")
    query = (
        select(
            study.c.id.label("study_id"),
            comparison.c.id.label("comparison_id"),
            study_item.c.number.label("item"),
            study_rater.c.number.label("rater"),
            comparison.c.left_side.label("left"),
            vote.c.choice,
            vote.c.margin,
            vote.c.why,
            vote.c.voted_at,
            a.c.turn_id,
            a.c.id.label("a_reply_id"),
            b.c.id.label("b_reply_id"),
            func.length(a.c.response).label("a_length"),
            func.length(b.c.response).label("b_length"),
            a_reward.c.total.label("a_reward"),
            b_reward.c.total.label("b_reward"),
        )
        .select_from(vote)
        .join(comparison, comparison.c.id == vote.c.comparison_id)
        .join(study_rater, study_rater.c.id == comparison.c.rater_id)
        .join(study_item, study_item.c.id == comparison.c.item_id)
        .join(study, study.c.id == study_item.c.study_id)
        .join(a, a.c.id == study_item.c.a_reply_id)
        .join(b, b.c.id == study_item.c.b_reply_id)
        .outerjoin(a_reward, a_reward.c.reply_id == a.c.id)
        .outerjoin(b_reward, b_reward.c.reply_id == b.c.id)
        .where(which)
        .order_by(vote.c.voted_at, comparison.c.id)
    )
    return [Ballot(**row) for row in (await connection.execute(query)).mappings()]


async def ballot(connection: AsyncConnection, comparison_id: UUID) -> Ballot | None:
    """The vote on one comparison, if it was given. Who may ask is for the caller to know."""
    found = await _ballots(connection, comparison.c.id == comparison_id)
    return found[0] if found else None


def as_study(row: RowMapping) -> Study:
    values = dict(row)
    sides = {
        side.value: Contestant(
            **{name: values.pop(f"{side}_{name}") for name in Contestant.model_fields}
        )
        for side in Side
    }
    return Study(**values, **sides)
