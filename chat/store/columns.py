"""Column types that give the same values on SQLite and on PostgreSQL."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Float, Text
from sqlalchemy.types import TypeDecorator

from chat.store.errors import StoreError, StoreFault
from chat.store.text import storable, storable_json


class Words(TypeDecorator[str]):
    """What people and models wrote: any text is accepted (see `chat.store.text`)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Name(TypeDecorator[str]):
    """A text that tells one thing from another: an owner, a hash, a model.

    Nothing is replaced in it, because two names must never become one; a name that cannot be stored
    as it is raises `StoreError`.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is not None and storable(value) != value:
            raise StoreError(
                StoreFault.NOT_ALLOWED,
                "This name holds a character that cannot be stored.",
                "Use another name.",
            )
        return value


class Moment(TypeDecorator[datetime]):
    """A time with its zone, in UTC. SQLite has no zones, so there the bare UTC time is kept."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Number(TypeDecorator[float]):
    """A finite float; NaN and infinity are not known, so NULL (SQLite would do so by itself)."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return value if value is not None and math.isfinite(value) else None


class Json(TypeDecorator[Any]):
    """A JSON value, or NULL for None. Keys keep their order."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> object:
        return None if value is None else storable_json(value)
