"""Copies of the database by command: made while the app writes, checked, and put back.

A copy of a SQLite file is a SQLite file (`sqlite_copies`), one of a PostgreSQL database is what
pg_dump writes (`postgres_copies`). Both are looked through before anything is called done. A copy
holds what was deleted since it was made; whoever puts it back brings that back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from chat.store.errors import StoreError, StoreFault

NOT_MADE: Final = "The copy was not made"
NOT_RESTORED: Final = "Nothing was restored"
"""How a message begins where a backup or a restore came to nothing."""


class Copy(NamedTuple):
    """A copy, or a database that was made from one. `rows`: by table."""

    path: Path
    revision: str
    rows: Mapping[str, int]


class Restored(NamedTuple):
    """What was put back, and where that lies now which it took the place of."""

    copy: Copy
    aside: Path | None


def exists_already(path: Path) -> StoreError:
    return StoreError(
        StoreFault.NOT_ALLOWED,
        f"{NOT_MADE}: {path} is there already.",
        "Choose another name, or say --overwrite.",
    )


def not_a_copy(path: Path, why: str) -> StoreError:
    return StoreError(
        StoreFault.DAMAGED,
        f"{NOT_RESTORED}: {path} {why}.",
        "Choose another copy. The database is as it was.",
    )


def in_use(what: str) -> StoreError:
    return StoreError(
        StoreFault.BUSY,
        f"{NOT_RESTORED}: {what}.",
        "End perm-chat and whatever else has the database open, then try again.",
    )


def nothing_there(place: object) -> StoreError:
    return StoreError(
        StoreFault.MISSING,
        f"{NOT_MADE}: there is no database at {place} yet.",
        "It is made when perm-chat is first started; --database-url and --data-dir say where.",
    )
