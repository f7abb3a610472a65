"""The open database: its engines, and transactions over them.

SQLite: one connection writes and a few read. Writers then queue here, in order, rather than on the
file's lock, and two connections of this process never write or checkpoint at once (which is also
what the fault described in `sqlite_faults` needs). In WAL mode reading never waits for writing.
In memory there is one connection for both, which must outlive every caller.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import aiosqlite
from sqlalchemy import AsyncAdaptedQueuePool, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chat.store.errors import FAULTY, WAIT_SECONDS, StoreError, StoreFault, explained
from chat.store.location import Location

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[AsyncConnection, P], Awaitable[T]]

READERS: Final = 4
POSTGRES_CONNECTIONS: Final = 10
CONNECT_SECONDS: Final = 5

# What a connection is told first; SQLite remembers none of these in the file.
PRAGMAS: Final[Mapping[str, str | int]] = {
    "busy_timeout": WAIT_SECONDS * 1000,
    "foreign_keys": "ON",
    "synchronous": "FULL",  # a write that was acknowledged outlives a power cut
    "secure_delete": "ON",  # what is deleted is overwritten
    "cell_size_check": "ON",  # damage is noticed where it is read
    "trusted_schema": "OFF",
}
TRIGGERS: Final = "ON"
"""For connections that write: triggers keep the search index, and without this SQLite lets none
touch a virtual table. Only a file whose schema is known to be ours is ever written to."""

IN_MEMORY: Final[Mapping[str, str | int]] = {"temp_store": "MEMORY"}  # no trace on disk


def sqlite_engine(
    location: Location, begin: str = "BEGIN", size: int = 1, **pragmas: str | int
) -> AsyncEngine:
    """An engine whose transactions start with `begin`; the driver's own control of them is off."""
    told = dict(PRAGMAS) | (dict(IN_MEMORY) if location.in_memory else {}) | pragmas
    engine = create_async_engine(
        location.url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS * 2,
        hide_parameters=True,  # an error must not carry what was said
        # SQLAlchemy would share one connection between transactions in memory; a queue does not
        poolclass=AsyncAdaptedQueuePool,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def tell(driver: DBAPIConnection, _record: object) -> None:
        driver.isolation_level = None
        cursor = driver.cursor()
        for name, value in told.items():
            cursor.execute(f"PRAGMA {name}={value}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def postgres_engine(location: Location) -> AsyncEngine:
    try:
        return create_async_engine(
            location.url,
            pool_size=POSTGRES_CONNECTIONS,
            max_overflow=POSTGRES_CONNECTIONS,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,  # the server may have been restarted
            hide_parameters=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "options": f"-c lock_timeout={WAIT_SECONDS}s -c timezone=UTC",
            },
        )
    except ModuleNotFoundError:
        raise StoreError(
            StoreFault.UNREACHABLE,
            "The driver for PostgreSQL is not installed.",
            "Install it with: pip install 'perm-chat[postgres]'",
        ) from None


def _writing(location: Location) -> AsyncEngine:
    return sqlite_engine(location, "BEGIN IMMEDIATE", trusted_schema=TRIGGERS)


class Database:
    """Runs units of work, each in a transaction of its own, and turns faults into words.

    A unit is an async function whose first argument is the connection. Once begun it is finished,
    also when the caller is cancelled: a closed tab never leaves half a write, and never costs the
    one connection that holds a database in memory.
    """

    def __init__(self, location: Location, backups: Path | None = None) -> None:
        self.location = location
        self.backups = backups  # the folder of backup copies; None: beside the file
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self.faults: Counter[StoreFault] = Counter()
        """The calls that failed since it was opened, by fault."""
        if location.in_memory:
            self.writer = self.reader = sqlite_engine(
                location, "BEGIN IMMEDIATE", trusted_schema=TRIGGERS
            )
        elif location.is_sqlite:
            self.writer = _writing(location)
            self.reader = sqlite_engine(location, size=READERS, query_only="ON")
        else:
            self.writer = postgres_engine(location)
            # one snapshot for all statements of a unit, as SQLite gives it
            self.reader = self.writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @property
    def is_open(self) -> bool:
        return not self._closed

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs work that changes nothing, on one snapshot. Raises `StoreError`."""

        async def unit() -> T:
            async with self.reader.begin() as connection:
                return await work(connection, *args, **kwargs)

        return await self._finish("Cannot be read", unit())

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs work and commits: what has returned is on disk. Raises `StoreError`."""

        async def unit() -> T:
            async with self.writer.begin() as connection:
                return await work(connection, *args, **kwargs)

        return await self._finish("Not saved", unit())

    async def apart(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs work on the writing connection outside a transaction, while nobody else writes."""

        async def unit() -> T:
            async with self.writer.connect() as connection:
                return await work(connection, *args, **kwargs)

        return await self._finish("Not done", unit())

    async def _finish(self, doing: str, unit: Coroutine[Any, Any, T]) -> T:
        if self._closed:
            unit.close()
            raise StoreError(
                StoreFault.CLOSED, f"{doing}: the database is closed.", "Start the program again."
            )
        task = asyncio.create_task(self._in_words(doing, unit))
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def _in_words(self, doing: str, unit: Coroutine[Any, Any, T]) -> T:
        try:
            return await unit
        except FAULTY as error:
            found = explained(error, doing)
            self.faults[found.fault] += 1
            raise found from None

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # if its caller has gone, it was logged where it was put into words

    async def close(self) -> None:
        """Waits for what is running and closes every connection. Idempotent."""
        self._closed = True
        if self._running:
            await asyncio.wait(set(self._running))
        await self.reader.dispose()
        await self.writer.dispose()


async def driver_of(connection: AsyncConnection) -> aiosqlite.Connection:
    """SQLite's own connection, for what must run outside a transaction (VACUUM, checkpoints)."""
    inner = (await connection.get_raw_connection()).driver_connection
    assert isinstance(inner, aiosqlite.Connection)  # noqa: S101 (for the type checker)
    return inner
