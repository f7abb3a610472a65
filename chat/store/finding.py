"""Finding replies again: filters over the shelf, newest first, a page at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    TextClause,
    and_,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store.found import Choices, Filters, Found, FoundPage, Place, Thumb
from chat.store.shelf_tables import shelf, tag
from chat.store.study_tables import study_item
from chat.store.tables import conversation, reply, turn

_WORD: Final = re.compile(r"[^\W_]+")
MATCHING: Final = "+shelf.id IN (SELECT rowid FROM shelf_search WHERE shelf_search MATCH :query)"
"""The plus keeps SQLite from fetching each hit's row: it goes along the index in the order of the
page and stops when that is full, which is as quick for a word in every turn as for a rare one."""

LONG_ENOUGH: Final = 3
"""Characters from which on a word also finds longer words that begin with it."""


async def search(
    connection: AsyncConnection, owner: str, filters: Filters, after: Place | None, limit: int
) -> FoundPage:
    """First the replies of this page, by the shelf alone; then what is shown of them."""
    conditions = list(_conditions(filters, owner, connection.dialect.name == "sqlite"))
    if after is not None:
        conditions.append(_older(after))
    ids = (
        select(shelf.c.reply_id)
        .where(*conditions)
        .order_by(shelf.c.created_at.desc(), shelf.c.reply_id.desc())
        .limit(limit + 1)
    )
    wanted = list(await connection.scalars(ids))
    rows = [Found(**row) for row in (await connection.execute(_shown(wanted[:limit]))).mappings()]
    last = rows[-1].place if len(wanted) > limit else None
    return FoundPage(rows=tuple(rows), after=last)


async def choices(connection: AsyncConnection, owner: str) -> Choices:
    """What there is to choose from."""
    models = select(shelf.c.model).where(shelf.c.owner == owner).distinct()
    judges = select(shelf.c.judge).where(shelf.c.owner == owner, shelf.c.judge.is_not(None))
    tags = select(tag.c.name).join(conversation).where(conversation.c.owner == owner)
    return Choices(
        models=tuple(sorted(await connection.scalars(models))),
        judges=tuple(sorted(await connection.scalars(judges.distinct()))),
        tags=tuple(sorted(await connection.scalars(tags.distinct()))),
    )


def _older(place: Place) -> ColumnElement[bool]:
    return or_(
        shelf.c.created_at < place.created_at,
        and_(shelf.c.created_at == place.created_at, shelf.c.reply_id < place.reply_id),
    )


def _shown(reply_ids: list[UUID]) -> Select[tuple[object, ...]]:
    scores = ("resonation", "expression", "reception", "bystander")
    return (
        select(
            *(shelf.c[name] for name in ("reply_id", "conversation_id", "created_at", "status")),
            *(shelf.c[name] for name in ("model", "judge", "reward", "thumb", *scores)),
            turn.c.id.label("turn_id"),
            turn.c.number,
            turn.c.message,
            reply.c.response,
            conversation.c.title,
        )
        .join(reply, reply.c.id == shelf.c.reply_id)
        .join(turn, turn.c.id == reply.c.turn_id)
        .join(conversation, conversation.c.id == shelf.c.conversation_id)
        .where(shelf.c.reply_id.in_(reply_ids))
        .order_by(shelf.c.created_at.desc(), shelf.c.reply_id.desc())
    )


def _conditions(
    filters: Filters, owner: str, sqlite: bool
) -> Iterator[ColumnElement[bool] | TextClause]:
    yield shelf.c.owner == owner
    yield shelf.c.conversation_id.not_in(select(study_item.c.conversation_id))
    if filters.text.strip():
        yield _matching(filters.text, sqlite)
    if filters.since:
        yield shelf.c.created_at >= filters.since
    if filters.until:
        yield shelf.c.created_at < filters.until
    for name in ("model", "judge"):
        if value := getattr(filters, name):
            yield shelf.c[name] == value
    if filters.perspective:
        yield from _between(shelf.c[filters.perspective.value], filters.low, filters.high)
    yield from _between(shelf.c.reward, filters.reward_low, filters.reward_high)
    if filters.tag:
        yield shelf.c.conversation_id.in_(
            select(tag.c.conversation_id).where(tag.c.name == filters.tag)
        )
    if filters.unscored:
        yield shelf.c.scored < 4
    if filters.thumb in {Thumb.UP, Thumb.DOWN}:
        yield shelf.c.thumb == (1 if filters.thumb is Thumb.UP else -1)
    elif filters.thumb is not None:
        yield shelf.c.rated == int(filters.thumb is Thumb.ANY)


def _between(
    column: ColumnElement[float], low: float | None, high: float | None
) -> Iterator[ColumnElement[bool]]:
    if low is not None:
        yield column >= low
    if high is not None:
        yield column <= high


def _begins(word: str) -> bool:
    """Whether longer words that begin with it are found too: scripts without spaces need that."""
    return len(word) >= LONG_ENOUGH or not word.isascii()


def _matching(words: str, sqlite: bool) -> ColumnElement[bool] | TextClause:
    """Every word must occur. Nothing that is written is read as a query's syntax."""
    found = _WORD.findall(words)
    if not found:
        return literal_column("1") == literal_column("0")
    if sqlite:
        query = " ".join(f'"{word}"' + "*" * _begins(word) for word in found)
        return text(MATCHING).bindparams(query=query)
    query = " & ".join(f"'{word}'" + ":*" * _begins(word) for word in found)
    document = func.to_tsvector(literal_column("'simple'"), shelf.c.words)
    return document.op("@@")(func.to_tsquery(literal_column("'simple'"), query))
