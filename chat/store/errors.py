"""What can go wrong with the store, in words for people.

Nothing here repeats what was said: messages of a database can hold the values of a row, so they are
never passed on, neither in the error nor as its cause. A log line carries the fault and its code.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
from enum import StrEnum
from typing import Final

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from perm.types import Part, PermError

log = logging.getLogger(__name__)

FAULTY: Final = (SQLAlchemyError, sqlite3.Error, ValidationError, OSError)
"""What work with a database can raise; `explained` puts each of them into words."""

WAIT_SECONDS: Final = 30
"""How long a write waits for another program that holds the database."""


class StoreFault(StrEnum):
    """How the store failed."""

    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    BUSY = "busy"  # somebody else holds the database
    NO_PERMISSION = "no_permission"
    DISK = "disk"  # the disk itself reports errors
    DAMAGED = "damaged"  # not a database, or no longer a whole one
    UNREACHABLE = "unreachable"  # a database server that does not answer, or not with a reason
    REFUSED = "refused"  # wrong name or password, or no such database
    TOO_LARGE = "too_large"
    NOT_ALLOWED = "not_allowed"  # a rule of the tables forbids the values
    NEWER = "newer"  # written by a newer version
    NOT_OURS = "not_ours"  # a database of another program
    MISSING = "missing"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class StoreError(PermError):
    """Something was not saved, cannot be read, or the database cannot be opened."""

    part = Part.STORE

    def __init__(self, fault: StoreFault, what: str, todo: str = "") -> None:
        super().__init__(what, todo)
        self.fault = fault


class NotFound(StoreError):
    """There is no such thing for this owner: a foreign id and a missing one are the same."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            StoreFault.MISSING,
            f"This {kind} is not there.",
            "It may have been deleted, or the address is wrong.",
        )


WORDS: Final[dict[StoreFault, tuple[str, str]]] = {
    StoreFault.DISK_FULL: (
        "the disk is full.",
        "Free some space and try again; what was saved before can still be read.",
    ),
    StoreFault.READ_ONLY: (
        "the database is read-only.",
        "Give this program the right to write the database file and its folder, then try again.",
    ),
    StoreFault.BUSY: (
        f"another program has held the database for more than {WAIT_SECONDS} seconds.",
        "Close that program or wait until it is done, then try again.",
    ),
    StoreFault.NO_PERMISSION: (
        "this program has no permission to use the database.",
        "Give its user the rights to the database file and to its folder (or, with PostgreSQL, to"
        " the tables), then try again.",
    ),
    StoreFault.DISK: (
        "the disk reported an error.",
        "Check the disk and its file system before going on, and make a copy of the database.",
    ),
    StoreFault.DAMAGED: (
        "the database is damaged.",
        "Stop the program, keep the file, and put a backup copy in its place.",
    ),
    StoreFault.UNREACHABLE: (
        "the database server does not answer or does not let this program in.",
        "Start it, and check the address, the name, the password and the database in the URL.",
    ),
    StoreFault.REFUSED: (
        "the database server refused the name, the password or the database.",
        "Check the database URL.",
    ),
    StoreFault.TOO_LARGE: ("it is too large for the database.", "Shorten it and try again."),
    StoreFault.NOT_ALLOWED: (
        "a value is not allowed there.",
        "This is a fault of the program; please report it.",
    ),
    StoreFault.UNKNOWN: (
        "the database failed in an unforeseen way.",
        "The log names the code. Try again; if it stays, please report it.",
    ),
}

SQLITE: Final[dict[int, StoreFault]] = {
    sqlite3.SQLITE_FULL: StoreFault.DISK_FULL,
    sqlite3.SQLITE_READONLY: StoreFault.READ_ONLY,
    sqlite3.SQLITE_BUSY: StoreFault.BUSY,
    sqlite3.SQLITE_LOCKED: StoreFault.BUSY,
    sqlite3.SQLITE_PERM: StoreFault.NO_PERMISSION,
    sqlite3.SQLITE_AUTH: StoreFault.NO_PERMISSION,
    sqlite3.SQLITE_CANTOPEN: StoreFault.NO_PERMISSION,
    sqlite3.SQLITE_IOERR: StoreFault.DISK,
    sqlite3.SQLITE_CORRUPT: StoreFault.DAMAGED,
    sqlite3.SQLITE_NOTADB: StoreFault.DAMAGED,
    sqlite3.SQLITE_TOOBIG: StoreFault.TOO_LARGE,
    sqlite3.SQLITE_CONSTRAINT: StoreFault.NOT_ALLOWED,
    sqlite3.SQLITE_MISMATCH: StoreFault.NOT_ALLOWED,
}
"""By primary result code (the lowest byte of the extended one)."""

POSTGRES: Final[tuple[tuple[str, StoreFault], ...]] = (
    ("53100", StoreFault.DISK_FULL),
    ("25006", StoreFault.READ_ONLY),
    ("55P03", StoreFault.BUSY),
    ("40", StoreFault.BUSY),  # deadlock, serialisation
    ("53300", StoreFault.BUSY),  # too many connections
    ("42501", StoreFault.NO_PERMISSION),
    ("28", StoreFault.REFUSED),
    ("3D000", StoreFault.REFUSED),
    ("08", StoreFault.UNREACHABLE),
    ("57P", StoreFault.UNREACHABLE),  # shutting down, starting up
    ("58", StoreFault.DISK),
    ("XX00", StoreFault.DAMAGED),
    ("54", StoreFault.TOO_LARGE),
    ("23", StoreFault.NOT_ALLOWED),
    ("22", StoreFault.NOT_ALLOWED),
)
"""By the start of the SQLSTATE (PostgreSQL manual, appendix A)."""

SYSTEM: Final[dict[int, StoreFault]] = {
    errno.EACCES: StoreFault.NO_PERMISSION,
    errno.EPERM: StoreFault.NO_PERMISSION,
    errno.EROFS: StoreFault.READ_ONLY,
    errno.ENOSPC: StoreFault.DISK_FULL,
    errno.EDQUOT: StoreFault.DISK_FULL,
    errno.EIO: StoreFault.DISK,
}


def explained(error: Exception, doing: str) -> StoreError:
    """A fault of the database as an error for people.

    `doing` begins the sentence: "Not saved", "Cannot be read", "The database cannot be opened".
    """
    if isinstance(error, StatementError) and isinstance(error.orig, StoreError):
        return error.orig
    fault, code = fault_of(error)
    log.warning("store: %s: %s (%s)", doing.lower(), fault, code)
    what, todo = WORDS[fault]
    return StoreError(fault, f"{doing}: {what}", todo)


def fault_of(error: Exception) -> tuple[StoreFault, str]:
    """Which fault it is, and a code for the log that holds none of the values."""
    inner: BaseException | None = error.orig if isinstance(error, StatementError) else error
    if isinstance(error, PoolTimeout):
        return StoreFault.BUSY, "pool"
    if isinstance(error, ValidationError):
        return StoreFault.DAMAGED, "a row that is none of ours"
    if isinstance(inner, sqlite3.Error):
        code = getattr(inner, "sqlite_errorcode", None)
        name = getattr(inner, "sqlite_errorname", type(inner).__name__)
        return SQLITE.get((code or 0) & 0xFF, StoreFault.UNKNOWN), name
    if isinstance(inner, OSError):
        code = inner.errno or 0
        return SYSTEM.get(code, StoreFault.UNKNOWN), errno.errorcode.get(code, "OSError")
    if isinstance(error, DBAPIError) and type(inner).__module__.startswith("psycopg"):
        return _postgres(inner)
    return StoreFault.UNKNOWN, type(inner or error).__name__


def _postgres(error: BaseException | None) -> tuple[StoreFault, str]:
    state = getattr(error, "sqlstate", None)
    if not state:  # there was no answer that could carry one
        return StoreFault.UNREACHABLE, type(error).__name__
    found = (fault for start, fault in POSTGRES if state.startswith(start))
    return next(found, StoreFault.UNKNOWN), state
