"""Opening a database: looked at, made or upgraded where that is due, and never replaced."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from chat.store import files, schema
from chat.store.database import Database, driver_of, sqlite_engine
from chat.store.errors import FAULTY, WAIT_SECONDS, StoreFault, explained, fault_of
from chat.store.location import Location

log = logging.getLogger(__name__)

UPGRADE_LOCK: Final = 0x7065726D  # "perm": who holds it on the server may change the schema


async def open_database(
    location: Location, data_dir: Path | None = None, scripts: Path = schema.SHIPPED
) -> Database:
    """The database, with this program's schema. `data_dir`: where backup copies are put.

    Raises `StoreError` with what is wrong and how to go on; what lies there then stays as it was.
    """
    try:
        if location.path is not None:
            await _prepare_file(location, location.path, data_dir, scripts)
        database = Database(location, data_dir)
        if location.path is None:
            try:
                await _prepare_server(database.writer, location, scripts)
            except BaseException:
                await database.close()
                raise
    except FAULTY as error:
        raise explained(error, files.OPENING) from None
    return database


async def _prepare_file(
    location: Location, path: Path, data_dir: Path | None, scripts: Path
) -> None:
    if await asyncio.to_thread(files.is_there, path):
        await _upgrade_file(location, path, data_dir, scripts)
        return
    await asyncio.to_thread(files.make_folder, path)
    with files.draft(path) as rough:
        await _upgrade_file(
            Location(location.url.set(database=str(rough)), rough), rough, data_dir, scripts
        )


async def _upgrade_file(
    location: Location, path: Path, data_dir: Path | None, scripts: Path
) -> None:
    """Upgrades in one transaction that shuts other programs out, a copy of an older one first."""
    engine = sqlite_engine(location, "BEGIN IMMEDIATE", foreign_keys="OFF")
    reading = sqlite_engine(location)
    try:
        async with reading.connect() as connection:
            if (await connection.run_sync(schema.examine, scripts)).up_to_date:
                return
        async with engine.connect() as connection:
            await _use_wal(connection)
        async with schema.alone(), engine.begin() as connection:
            found = await connection.run_sync(schema.examine, scripts)
            if found.up_to_date:  # another process was quicker
                return
            if found.revision is not None:
                copy = await asyncio.to_thread(files.back_up, path, found.revision, data_dir)
                log.warning("store: upgrading from %s to %s, copy: %s", *found, copy.name)
            await connection.run_sync(schema.upgrade, scripts)
    finally:
        await reading.dispose()
        await engine.dispose()


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, FAULTY) and fault_of(error)[0] is StoreFault.BUSY


@retry(
    retry=retry_if_exception(_is_busy),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(WAIT_SECONDS),
    reraise=True,
)
async def _use_wal(connection: AsyncConnection) -> None:
    """Turns WAL mode on, once for the file's life; SQLite does not wait for others here."""
    await (await driver_of(connection)).execute("PRAGMA journal_mode=WAL")


async def _prepare_server(engine: AsyncEngine, location: Location, scripts: Path) -> None:
    """In memory, or on a server, where one app process upgrades and the others wait for it."""
    async with schema.alone(), engine.begin() as connection:
        if not location.is_sqlite:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK}
            )
        if not (await connection.run_sync(schema.examine, scripts)).up_to_date:
            await connection.run_sync(schema.upgrade, scripts)
