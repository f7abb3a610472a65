"""Insert or replace in one statement, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(
    connection: AsyncConnection,
    table: Table,
    *,
    keys: Mapping[str, Any],
    values: Mapping[str, Any],
    new: Mapping[str, Any] | None = None,
    where: ColumnElement[bool] | None = None,
) -> RowMapping:
    """The row with these keys gets these values; returns it as it then is.

    `new` is used where there was no row yet. `where`: the condition of a partial unique index.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = (
        insert(table)
        .values(**keys, **values, **(new or {}))
        .on_conflict_do_update(index_elements=list(keys), index_where=where, set_=dict(values))
        .returning(table)
    )
    row: RowMapping = (await connection.execute(statement)).mappings().one()
    return row


async def insert_once(
    connection: AsyncConnection, table: Table, keys: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Adds a row unless one with these keys is there."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).values(**keys, **values)
    await connection.execute(statement.on_conflict_do_nothing(index_elements=list(keys)))
