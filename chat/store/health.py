"""Is the store well?"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import false, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import schema
from chat.store.database import Database
from chat.store.errors import StoreError
from chat.store.reports import StoreHealth
from chat.store.tables import conversation, metadata


async def check(database: Database, thorough: bool) -> StoreHealth:
    """Looks at the store. `thorough` reads every page of a SQLite file (seconds on a large one)."""
    try:
        health = await database.read(_look, thorough)
        await database.write(_can_write)
    except StoreError as error:
        return StoreHealth(ok=False, detail=str(error), place=str(database.location))
    return health.model_copy(update={"place": str(database.location)})


async def _look(connection: AsyncConnection, thorough: bool) -> StoreHealth:
    found = await connection.run_sync(schema.examine)
    sqlite = connection.dialect.name == "sqlite"
    journal = await _word(connection, "PRAGMA journal_mode") if sqlite else ""
    integrity = await _integrity(connection) if thorough and sqlite else "not looked at"
    detail = "All is well."
    if integrity not in ("ok", "not looked at"):
        detail = "The database is damaged: stop the program and put back a backup copy."
    elif sqlite and journal not in ("wal", "memory"):
        detail = (
            f"The database is in the mode {journal}, not wal: reading waits for writing. Its folder"
            " may lie on a network drive; choose one on this machine."
        )
    return StoreHealth(
        ok=detail == "All is well.",
        detail=detail,
        database=await _name(connection),
        schema_version=found.revision or "",
        journal_mode=journal,
        integrity=integrity,
        rows=await _rows(connection),
    )


async def _integrity(connection: AsyncConnection) -> str:
    """What SQLite finds: "ok", or the first thing that is wrong."""
    found = await _word(connection, "PRAGMA integrity_check(1)")
    if found == "ok" and (await connection.execute(text("PRAGMA foreign_key_check"))).first():
        return "a row points to one that is not there"
    return found


async def _rows(connection: AsyncConnection) -> Mapping[str, int]:
    counts = (
        select(func.count()).select_from(table).scalar_subquery().label(name)
        for name, table in metadata.tables.items()
    )
    return dict((await connection.execute(select(*counts))).one()._mapping)


async def _name(connection: AsyncConnection) -> str:
    if connection.dialect.name == "sqlite":
        return f"SQLite {await _word(connection, 'SELECT sqlite_version()')}"
    return f"PostgreSQL {await _word(connection, 'SHOW server_version')}"


async def _word(connection: AsyncConnection, statement: str) -> str:
    return str(await connection.scalar(text(statement)))


async def _can_write(connection: AsyncConnection) -> None:
    """Takes the right to write and gives it back. Raises what stands against it."""
    await connection.execute(update(conversation).where(false()).values(title=""))
