"""A PostgreSQL server of the tests' own: made in a temporary folder, gone with the session.

It listens on a socket in its folder alone, so no port can be taken. Its programs refuse to run as
root; started by root they run as another user.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

PROGRAMS = ("initdb", "pg_ctl", "postgres")


class PostgresServer(NamedTuple):
    """A running server; `database()` makes a database and gives its URL."""

    folder: Path
    user: str

    def database(self) -> str:
        """A new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        self.run("postgres", f"CREATE DATABASE {name}")
        return f"postgresql://{self.user}@/{name}?host={self.folder}"

    def run(self, database: str, statement: str) -> None:
        conninfo = f"host={self.folder} user={self.user} dbname={database}"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"PostgreSQL's programs are not in the path: {', '.join(missing)}")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has about 100 characters
    shutil.chown(folder, user)
    data = str(folder / "data")
    try:
        _run(user, "initdb", "--auth=trust", "--no-sync", "--encoding=UTF8", "-D", data)
        told = f"-F -c listen_addresses='' -c unix_socket_directories='{folder}'"
        _run(user, "pg_ctl", "-w", "-D", data, "-l", str(folder / "log"), "-o", told, "start")
        try:
            yield PostgresServer(folder, user)
        finally:
            _run(user, "pg_ctl", "-w", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str:
    """This user, or one without rights where this is root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _run(user: str, *command: str) -> None:
    root = os.geteuid() == 0
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        timeout=120,
        user=user if root else None,
        extra_groups=[] if root else None,
    )
    if done.returncode:
        pytest.fail(f"{command[0]} failed: {done.stdout.decode(errors='replace')}")
