"""Backup and restore of a PostgreSQL database, by its own programs pg_dump, pg_restore and psql.

Only our tables and views are copied: other programs may have theirs beside them. What these
programs print is not passed on, since it can hold the values of a row. These functions block; they
serve commands, which do nothing else meanwhile.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, NullPool, create_engine, text

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
from chat.store.derived import tables_of_ours
from chat.store.errors import FAULTY, StoreError, StoreFault, explained
from chat.store.location import Location
from chat.store.tables import metadata
from chat.store.views import VIEWS

SUFFIX: Final = ".dump"
GRACE: Final = 5.0
"""Seconds for connections that were just ended: the server takes a moment to let go of them."""

VERSION: Final = "alembic_version"
CONTENT: Final = re.compile(r'COPY (?:"?\w+"?\.)?"?(\w+)"? \(.*\) FROM stdin;\n')
END: Final = "\\.\n"


def back_up(
    location: Location,
    to: Path | None,
    folder: Path,
    environment: Mapping[str, str],
    *,
    overwrite: bool = False,
) -> Copy:
    """A checked copy as pg_dump writes it; `environment`: of the programs that are started."""
    dump = _program("pg_dump", NOT_MADE)
    _program("pg_restore", NOT_MADE)
    try:
        with _connected(location) as connection:
            found = _standing(connection)
            if found is None:
                raise nothing_there(location)
            revision, rows = found
            name = files.copy_name(_stem(location), revision, SUFFIX)
            copy = folder / name if to is None else to / name if to.is_dir() else to
            files.make_folder(copy, NOT_MADE)
            snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
            with files.beside(copy, NOT_MADE) as rough:
                ours = [f"--table={name}" for name in (*metadata.tables, *VIEWS, VERSION)]
                how = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
                command = [dump, *how, *ours, f"--file={rough}", f"--dbname={_address(location)}"]
                _run(command, location, environment, NOT_MADE)
                if _read(rough, copy, environment)[:2] != (revision, rows):
                    raise _failed("pg_dump", NOT_MADE)
                if overwrite:
                    files.replace(rough, copy)
                elif not files.publish(rough, copy):
                    raise exists_already(copy)
    except FAULTY as error:
        raise explained(error, NOT_MADE) from None
    return Copy(copy, revision, rows)


def restore(
    copy: Path, location: Location, folder: Path, environment: Mapping[str, str]
) -> Restored:
    """Put a copy in the place of our tables, in one transaction; what was there is dumped first."""
    psql = _program("psql", NOT_RESTORED)
    _program("pg_restore", NOT_RESTORED)
    if not copy.is_file():
        raise not_a_copy(copy, "is not there")
    try:
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".restore-") as work:
            script = Path(work) / "script.sql"
            revision, rows = _read(copy, copy, environment, script)
            if not schema.knows(revision):
                raise not_a_copy(copy, f"has the schema {revision}, which this version knows not")
            aside = _stand_aside(location, folder, environment)
            command = [psql, "--no-psqlrc", "--quiet", "--single-transaction"]
            command += ["--set=ON_ERROR_STOP=1", f"--command={_drop()}", f"--file={script}"]
            _run([*command, f"--dbname={_address(location)}"], location, environment, NOT_RESTORED)
        with _connected(location) as connection:
            if _standing(connection) != (revision, rows):
                raise _failed("psql", "It was restored, but not all of it is there")
    except FAULTY as error:
        raise explained(error, NOT_RESTORED) from None
    return Restored(Copy(Path(str(location)), revision, rows), aside)


def _stand_aside(location: Location, folder: Path, environment: Mapping[str, str]) -> Path | None:
    """A dump of what is there now; None where there is nothing. Nobody may be using it."""
    end = time.monotonic() + GRACE
    while others := _others(location):
        if time.monotonic() > end:
            raise in_use(f"{others} other connections to {location} are open")
        time.sleep(0.1)
    with _connected(location) as connection:
        found = _standing(connection)
    if found is None:
        return None
    name = files.copy_name(_stem(location), found[0], SUFFIX, kind="replaced")
    return back_up(location, files.free(folder / name), folder, environment).path


def _others(location: Location) -> int:
    """How many other connections there are."""
    with _connected(location) as connection:
        found = connection.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
    return int(found or 0)


@contextlib.contextmanager
def _connected(location: Location) -> Iterator[Connection]:
    engine = create_engine(location.url, poolclass=NullPool, hide_parameters=True)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        yield connection


def _standing(connection: Connection) -> tuple[str, dict[str, int]] | None:
    """Revision and rows of what is there; None where none of our tables are."""
    revision = schema.examine(connection).revision
    if revision is None:
        return None
    rows = schema.rows(connection)
    return revision, {name: rows[name] for name in rows.keys() & metadata.tables.keys()}


def _read(
    dump: Path, name: Path, environment: Mapping[str, str], script: Path | None = None
) -> tuple[str, dict[str, int]]:
    """Revision and rows of a dump, read from its first to its last byte; `script`: as SQL."""
    with contextlib.ExitStack() as stack:
        out = script or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "script.sql"
        program = _program("pg_restore", NOT_RESTORED)
        command = [program, "--no-owner", "--no-privileges", f"--file={out}", str(dump)]
        done = subprocess.run(  # noqa: S603 - a found program, and no shell
            command, capture_output=True, env=dict(environment), check=False
        )
        if done.returncode:
            raise not_a_copy(name, "is damaged, or nothing that pg_dump wrote")
        revision, rows = _counted(out)
    if not revision:
        raise not_a_copy(name, "holds no conversations of perm-chat")
    return revision, rows


def _counted(script: Path) -> tuple[str, dict[str, int]]:
    """What a script of pg_restore's would put into which table."""
    revision, rows = "", dict[str, int]()
    with script.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            if (begun := CONTENT.fullmatch(line)) is None:
                continue
            table, count = begun[1], 0
            for row in lines:
                if row == END:
                    break
                count += 1
                revision = row.strip() if table == VERSION else revision
            rows[table] = count
    return revision, {name: rows[name] for name in tables_of_ours(rows)}


def _drop() -> str:
    views = "".join(f"DROP VIEW IF EXISTS {name} CASCADE; " for name in reversed(list(VIEWS)))
    names = ", ".join((*metadata.tables, VERSION))
    return f"{views}DROP TABLE IF EXISTS {names} CASCADE"


def _stem(location: Location) -> str:
    return re.sub(r"[^\w-]", "_", location.url.database or "perm-chat")


def _address(location: Location) -> str:
    """For libpq, without the password: everybody on the machine may see a command line."""
    return location.url.set(drivername="postgresql", password=None).render_as_string()


def _program(name: str, doing: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise StoreError(
            StoreFault.MISSING,
            f"{doing}: the program {name} is not there.",
            "Install PostgreSQL's client programs (Debian: postgresql-client), of the server's"
            " version or a later one.",
        )
    return found


def _run(
    command: Sequence[str], location: Location, environment: Mapping[str, str], doing: str
) -> None:
    password = location.url.password
    secret = {"PGPASSWORD": str(password)} if password else {}
    done = subprocess.run(  # noqa: S603 - a found program, and no shell
        command,
        capture_output=True,
        env={**environment, **secret, "PGCONNECT_TIMEOUT": "10"},
        check=False,
    )
    if done.returncode:
        name = Path(command[0]).name
        if b"server version mismatch" in done.stderr:
            raise _failed(name, doing, "It is older than the server: install the server's version.")
        raise _failed(name, doing)


def _failed(name: str, doing: str, todo: str = "") -> StoreError:
    return StoreError(
        StoreFault.UNKNOWN,
        f"{doing}: {name} failed.",
        todo or "The database is as it was. perm-chat doctor says whether it can be reached.",
    )
