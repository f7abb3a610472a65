"""Delete means delete: after the rows, the bytes that they left in the files.

SQLite overwrites what this program deletes (`secure_delete`), but not what lies in the log, nor
what another program changed without that care. VACUUM writes the file anew, and a truncating
checkpoint empties the log. That a purge is due is noted in the same transaction as the deletion (in
`PRAGMA user_version`, which nothing else uses), so a crash between the two does not forget it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import files
from chat.store.database import Database, driver_of
from chat.store.derived import FORGET
from chat.store.errors import WAIT_SECONDS, StoreError
from chat.store.reports import Deletion

log = logging.getLogger(__name__)

TRIES: Final = 3
TRY_SECONDS: Final = 2
"""How long one try waits for readers that still look at the state before."""


async def note(connection: AsyncConnection) -> None:
    """Notes, in the transaction that deletes, that a purge is due."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("PRAGMA user_version=1")


async def purge(database: Database) -> Deletion:
    """Clears the files of what was deleted. Never raises `StoreError`: the rows have gone."""
    location = database.location
    if location.in_memory:
        return Deletion(purged=True)
    if location.path is None:
        return Deletion(
            purged=False,
            detail="The rows are deleted. PostgreSQL clears their space in its own time"
            " (autovacuum), and its log and backups as its operator has set them up.",
        )
    copies = await asyncio.to_thread(files.copies_of, location.path, database.backups)
    try:
        busy = await database.apart(_purge_if_due)
    except StoreError as error:
        busy = str(error)
    if busy:
        log.warning("store: a purge has to wait")
    return Deletion(purged=not busy, detail=busy, copies=tuple(map(str, copies)))


async def _purge_if_due(connection: AsyncConnection) -> str:
    """Empty if nothing is left to do, else why it has to wait."""
    driver = await driver_of(connection)
    if not await _number(driver, "PRAGMA user_version"):
        return ""  # another deletion's purge took this one with it
    await driver.execute(FORGET)
    await driver.execute("VACUUM")
    await driver.execute(f"PRAGMA busy_timeout={TRY_SECONDS * 1000}")
    try:
        for _ in range(TRIES):
            if not await _number(driver, "PRAGMA wal_checkpoint(TRUNCATE)"):
                await driver.execute("PRAGMA user_version=0")
                return ""
    finally:
        await driver.execute(f"PRAGMA busy_timeout={WAIT_SECONDS * 1000}")
    return (
        "The rows are deleted, but another program still reads the state before, so their text"
        " can still be found in the database's log. It is cleared as soon as that program is done."
    )


async def _number(driver: aiosqlite.Connection, statement: str) -> int:
    """The first number that a statement gives; of a checkpoint: 1 if it could not end."""
    async with driver.execute(statement) as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row else 0
