"""The schema's version: what the database has, what this program knows, and the way up.

Alembic's scripts lie in `migrations/`; no ini file is needed. Everything here runs inside the
caller's transaction, so an upgrade happens wholly or not at all, on both databases.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection, func, inspect, select, table

from chat.store import derived
from chat.store.errors import StoreError, StoreFault
from chat.store.tables import metadata

SHIPPED: Final = Path(__file__).parent / "migrations"

_alembic: Final = threading.Lock()


class Schema(NamedTuple):
    """The revision a database has (None: no tables of ours) and the one this program needs."""

    revision: str | None
    head: str

    @property
    def up_to_date(self) -> bool:
        return self.revision == self.head


def examine(connection: Connection, scripts: Path = SHIPPED) -> Schema:
    """What the database has. Raises `StoreError` if it is newer than this program, or not ours."""
    revision = MigrationContext.configure(connection).get_current_revision()
    directory = ScriptDirectory.from_config(_config(scripts))
    head = directory.get_current_head() or ""
    if revision is None:
        _refuse_foreign(connection)
    elif not _known(directory, revision):
        raise StoreError(
            StoreFault.NEWER,
            f"The database has the schema {revision}, which this version does not know"
            f" (it knows {head}).",
            "Start the newer version that wrote it, or put back a backup copy made before the"
            " upgrade. Nothing was changed.",
        )
    return Schema(revision, head)


def knows(revision: str, scripts: Path = SHIPPED) -> bool:
    """Whether this program can use, or upgrade, a database that has this revision."""
    return _known(ScriptDirectory.from_config(_config(scripts)), revision)


def _known(directory: ScriptDirectory, revision: str) -> bool:
    try:
        return directory.get_revision(revision) is not None
    except (CommandError, ResolutionError):
        return False


def _refuse_foreign(connection: Connection) -> None:
    """On a server other programs may have tables beside ours; a SQLite file is ours alone."""
    there = set(inspect(connection).get_table_names())
    if connection.dialect.name != "sqlite":
        there &= set(metadata.tables)
    if there:
        raise StoreError(
            StoreFault.NOT_OURS,
            "The database belongs to another program: it has tables that are not perm-chat's.",
            "Choose another database. Nothing was changed.",
        )


@asynccontextmanager
async def alone() -> AsyncIterator[None]:
    """Lets one upgrade run at a time in this process: Alembic's scripts work on a global object.

    To be entered before the transaction, so that nobody holds a database while waiting here.
    """
    while not _alembic.acquire(blocking=False):  # noqa: ASYNC110 (there may be several loops)
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        _alembic.release()


def upgrade(connection: Connection, scripts: Path = SHIPPED) -> None:
    """Brings the schema to this program's version and checks that nothing was lost.

    The caller is `alone`. On SQLite it has foreign keys off: with them on, rewriting a table
    deletes what hangs on it. Raises `StoreError` if a reference is broken or a table has not the
    rows it had before; the caller then rolls back.
    """
    derived.drop(connection)
    before = rows(connection)
    config = _config(scripts)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    after = rows(connection)
    derived.make(connection)
    lost = [name for name in before.keys() & after.keys() if before[name] != after[name]]
    broken = connection.dialect.name == "sqlite" and list(
        connection.exec_driver_sql("PRAGMA foreign_key_check")
    )
    if lost or broken:
        raise StoreError(
            StoreFault.DAMAGED,
            "The upgrade of the database would have lost or disconnected rows, so it was undone.",
            "Go on with the version that you had, and please report this.",
        )


def rows(connection: Connection) -> dict[str, int]:
    """How many there are, by table; without what is derived."""
    names = derived.tables_of_ours(inspect(connection).get_table_names())
    return {
        name: connection.scalar(select(func.count()).select_from(table(name))) or 0
        for name in names
    }


def _config(scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return config
