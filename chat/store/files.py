"""A SQLite database as a file: looked at before it is opened, made whole or not at all, copied.

Nothing here ever changes or replaces a file that is already there. These functions block; call them
in a thread.
"""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from chat.store.errors import StoreError, StoreFault, explained

MAGIC: Final = b"SQLite format 3\0"
OPENING: Final = "The database cannot be opened"


def is_there(path: Path) -> bool:
    """Whether a sound SQLite database lies at `path`; False if there is nothing yet.

    Raises `StoreError` if what lies there is anything else: empty, cut off, damaged, not a
    database, a folder, or the log of a database that has gone. The file stays as it is.
    """
    try:
        if path.is_dir():
            raise _refused(path, "is a folder", "Choose the name of a file in it.")
        if not path.exists():
            _refuse_orphan(path)
            return False
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise explained(error, OPENING) from None
    if not start:
        raise _refused(path, "is empty", HOW_TO_RESTORE)
    if start != MAGIC:
        raise _refused(path, "is not a SQLite database", HOW_TO_RESTORE)
    _refuse_damaged(path)
    return True


HOW_TO_RESTORE: Final = (
    "It was left as it is. Stop the program, move this file and those beside it that begin with"
    " its name to a safe place, and put a backup copy there under this name; or choose another"
    " database."
)


def _refused(path: Path, what: str, todo: str) -> StoreError:
    return StoreError(StoreFault.DAMAGED, f"{OPENING}: {path} {what}.", todo)


def _refuse_orphan(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise _refused(
            path,
            f"is gone, but its log {log.name} is still there",
            "The log holds the latest changes. Put the database file back beside it, or move the"
            " log to a safe place to begin anew.",
        )


def _refuse_damaged(path: Path) -> None:
    """Reads every page without the right to write, so that not even a repair changes the file."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA busy_timeout=10000")
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        fault = explained(error, OPENING)
        if fault.fault is not StoreFault.DAMAGED:
            raise fault from None
        found = "damaged"
    if found != "ok":
        raise _refused(path, "is damaged or cut off", HOW_TO_RESTORE)


def make_folder(path: Path, doing: str = OPENING) -> None:
    """The folder of a database, for this user alone where it is new (mode 0700)."""
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise explained(error, doing) from None


@contextlib.contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A place to make a new database, put under its name when it is complete (mode 0600).

    So a database appears whole or not at all, and an empty file is never ours. If another process
    was quicker, its database stands and the draft is dropped.
    """
    with beside(path) as rough:
        yield rough
        publish(rough, path)


@contextlib.contextmanager
def beside(path: Path, doing: str = OPENING) -> Iterator[Path]:
    """An empty file for this user alone (mode 0600) beside `path`; what is left of it is removed.

    `publish`, or a rename, gives it its name. `doing`: how an error begins.
    """
    rough = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        os.close(os.open(rough, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise explained(error, doing) from None
    try:
        yield rough
    finally:
        for name in (rough.name, f"{rough.name}-wal", f"{rough.name}-shm"):
            rough.with_name(name).unlink(missing_ok=True)


def publish(rough: Path, path: Path) -> bool:
    """Give a complete file its name, unless that is another's: False, and the other stands."""
    sync(rough)
    try:
        os.link(rough, path)  # unlike a rename it never replaces a file
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        rough.rename(path)
    sync_folder(path.parent)
    return True


def replace(rough: Path, path: Path) -> None:
    """Give a complete file its name, in the place of what has it now."""
    sync(rough)
    rough.replace(path)
    sync_folder(path.parent)


def sync(path: Path) -> None:
    """Have what was written reach the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def back_up(path: Path, revision: str, folder: Path | None = None) -> Path:
    """A consistent copy of the database, beside it or in `folder`, named with time and revision.

    Made with SQLite's own backup, complete and synced before it has its name.
    """
    folder = folder or path.parent
    copy = folder / copy_name(path.stem, revision, path.suffix)
    if folder != path.parent:
        make_folder(copy)
    with (
        draft(copy) as rough,
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(rough)) as target,
    ):
        source.backup(target)
    return copy


def copy_name(stem: str, revision: str, suffix: str, *, kind: str = "") -> str:
    """The name of a copy made now; `kind`: what it is, where it is no plain copy."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stem}.{moment}{f'.{kind}' if kind else ''}.revision-{revision}{suffix}"


def free(path: Path) -> Path:
    """This name, or one like it that nothing has yet."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def copies_of(path: Path, folder: Path | None = None) -> tuple[Path, ...]:
    """The copies that lie under names of `copy_name`: before an upgrade, a backup, a restore."""
    pattern = f"{glob.escape(path.stem)}.*.revision-*{glob.escape(path.suffix)}"
    return tuple(sorted((folder or path.parent).glob(pattern)))


def sync_folder(folder: Path) -> None:
    """Makes a new name outlive a power cut; Windows neither has this nor needs it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
