"""Backup and restore of a SQLite file, by SQLite's own backup.

These functions block; they serve commands, which do nothing else meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import NullPool, create_engine

from chat.store import files, schema
from chat.store.backups import (
    NOT_MADE,
    NOT_RESTORED,
    Copy,
    Restored,
    exists_already,
    in_use,
    not_a_copy,
    nothing_there,
)
from chat.store.errors import FAULTY, StoreError, StoreFault, explained, fault_of

LOCK_SECONDS: Final = 3.0
"""How long a restore waits for others to let the file go: a command that just ends, say."""


def back_up(path: Path, to: Path | None, folder: Path, *, overwrite: bool = False) -> Copy:
    """A checked copy of the database at `path`, complete before it has its name.

    `to`: a file, or a folder that it is to lie in; None: `folder`. The app may write meanwhile:
    the copy is the database as it was at one moment.
    """
    if not files.is_there(path):
        raise nothing_there(path)
    try:
        with files.beside(_aim(to, folder, path), NOT_MADE) as rough:
            _copy(sqlite3.connect(path), rough)
            revision, rows = _checked(rough, NOT_MADE)
            copy = _place(to, folder, files.copy_name(path.stem, revision, path.suffix))
            if overwrite and not (copy.exists() and copy.samefile(path)):
                files.replace(rough, copy)
            elif not files.publish(rough, copy):
                raise exists_already(copy)
    except FAULTY as error:
        raise explained(error, NOT_MADE) from None
    return Copy(copy, revision, rows)


def restore(copy: Path, path: Path, folder: Path) -> Restored:
    """Put a copy in the place of the database at `path`.

    The copy is looked through first; an older schema is upgraded when the app next opens it. What
    was there is kept in `folder` under a name with the date. A database that a program has open is
    not touched. (One that is too damaged to be locked is set aside all the same: the app does not
    open such a file.)
    """
    _refuse_no_copy(copy, path)
    try:
        files.make_folder(path, NOT_RESTORED)
        with files.beside(path, NOT_RESTORED) as rough:
            _copy(_reading(copy), rough)
            revision, rows = _checked(rough, NOT_RESTORED, copy)
            aside = None
            if path.exists():
                with _shut(path) as found:
                    name = files.copy_name(
                        path.stem, found or "unknown", path.suffix, kind="replaced"
                    )
                    aside = files.free(folder / name)
                    _set_aside(path, aside)
                    files.replace(rough, path)
            elif not files.publish(rough, path):
                raise in_use(f"a program has just made {path}")
    except FAULTY as error:
        raise explained(error, NOT_RESTORED) from None
    return Restored(Copy(path, revision, rows), aside)


def _aim(to: Path | None, folder: Path, path: Path) -> Path:
    """Where the copy is prepared: in the folder it will lie in, so that it can be renamed."""
    return _place(to, folder, path.name)


def _place(to: Path | None, folder: Path, name: str) -> Path:
    place = folder / name if to is None else to / name if to.is_dir() else to
    files.make_folder(place, NOT_MADE)
    return place


def _refuse_no_copy(copy: Path, path: Path) -> None:
    if not copy.is_file():
        raise not_a_copy(copy, "is not there")
    if path.exists() and copy.samefile(path):
        raise not_a_copy(copy, "is the database itself")
    with copy.open("rb") as file:
        if file.read(len(files.MAGIC)) != files.MAGIC:
            raise not_a_copy(copy, "is not a SQLite database")


def _reading(copy: Path) -> sqlite3.Connection:
    """A copy, opened without the right to write; one without a log needs no file beside it."""
    logged = copy.with_name(copy.name + "-wal").exists()
    how = "mode=ro" if logged else "mode=ro&immutable=1"
    return sqlite3.connect(f"file:{quote(str(copy))}?{how}", uri=True)


def _copy(source: sqlite3.Connection, rough: Path) -> None:
    """All of the source as it is at one moment."""
    with (
        contextlib.closing(source) as reading,
        contextlib.closing(sqlite3.connect(rough)) as writing,
    ):
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode=WAL")


def _checked(rough: Path, doing: str, copy: Path | None = None) -> tuple[str, dict[str, int]]:
    """The revision and the rows of a copy that is whole; raises what is wrong with it."""
    with contextlib.closing(sqlite3.connect(rough)) as connection:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        loose = connection.execute("PRAGMA foreign_key_check").fetchone()
    if found != "ok" or loose:
        raise StoreError(
            StoreFault.DAMAGED,
            f"{doing}: {copy or 'the database'} is damaged.",
            "Use another copy." if copy else "Put back the last backup copy that is whole.",
        )
    engine = create_engine(f"sqlite:///{rough}", poolclass=NullPool)
    with engine.connect() as connection:
        revision = schema.examine(connection).revision
        if revision is None:
            raise not_a_copy(copy or rough, "holds no conversations of perm-chat")
        return revision, schema.rows(connection)


@contextlib.contextmanager
def _shut(path: Path) -> Iterator[str | None]:
    """Hold the database so that no program has it open; gives its revision, if it can be read.

    Turning WAL off needs the file for oneself alone, and leaves it whole without its log.
    """
    with contextlib.closing(
        sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
    ) as connection:
        revision = None
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            revision = row and str(row[0])
        except sqlite3.Error as error:
            if fault_of(error)[0] is StoreFault.BUSY:
                raise in_use(f"a program has {path} open") from None
        yield revision


def _set_aside(path: Path, aside: Path) -> None:
    """A second name for the database that is there; its own name goes to the other in one step."""
    if aside.parent != path.parent:
        files.make_folder(aside, NOT_RESTORED)
    try:
        os.link(path, aside)
    except OSError:  # another file system, or one without hard links
        with files.beside(aside, NOT_RESTORED) as rough:
            shutil.copyfile(path, rough)
            if not files.publish(rough, aside):
                raise
    for suffix in ("-wal", "-shm"):  # of a damaged one: they must not come to lie by the new one
        log = path.with_name(path.name + suffix)
        if log.exists():
            shutil.move(log, aside.with_name(aside.name + suffix))
