"""What doctor looks at on this machine, and in which order."""

from __future__ import annotations

import platform
import shutil
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

from chat.cli.engine_checks import examine_engine, roles
from chat.cli.findings import Finding, of_error, ok, problem, warning
from chat.cli.people import size
from chat.settings import Settings
from chat.store import Store, StoreError, sqlite_report
from chat.store.location import locate
from perm import rubrics
from perm.types import PermError

PYTHONS: Final = ((3, 11), (3, 14))
"""The first Python that will do, and the first that was not tried."""

ROOM: Final = 200_000_000
"""Bytes that the database should find free: many months of talk."""


async def examine(settings: Settings, *, quick: bool) -> AsyncIterator[Finding]:
    """Everything that perm-chat needs. `quick`: no engine is started or asked.

    Nothing is fetched. A database that is there is opened as `serve` does; none is made. An engine
    that is started is stopped again.
    """
    yield _python()
    for finding in (*_sqlite(), *_disk(settings), _prompts(settings)):
        yield finding
    yield await _database(settings)
    yield _port(settings)
    for role in roles(settings):
        async for finding in examine_engine(settings, role, quick=quick):
            yield finding


def _python() -> Finding:
    what = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    first, untried = PYTHONS
    if not first <= sys.version_info[:2] < untried:
        what += "; 3.11, 3.12 or 3.13 is needed."
        return problem("Python", what, "Make the environment with one of these.")
    return ok("Python", what)


def _sqlite() -> Iterator[Finding]:
    yield ok("SQLite", sqlite3.sqlite_version)
    for mended_in, note in sqlite_report():
        yield warning("SQLite", f"{note} Mended in {mended_in}.")


def _disk(settings: Settings) -> Iterator[Finding]:
    for about, folder in (
        ("Data folder", settings.data_dir),
        ("Models folder", settings.models_dir),
    ):
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        free = shutil.disk_usage(there).free
        what = f"{folder}: {size(free)} free"
        if free < ROOM:
            yield warning(about, what, "Make room before it is full, or choose another folder.")
        else:
            yield ok(about, what)


def _prompts(settings: Settings) -> Finding:
    try:
        found = rubrics.load(settings.prompts_dir)
    except PermError as error:
        return of_error("Prompts", error)
    count = 1 + len(found.judges)
    return ok("Prompts", f"{count} in {settings.prompts_dir}")


async def _database(settings: Settings) -> Finding:
    try:
        place = locate(settings.database)
        if place.path is not None and not place.path.exists():
            return ok("Database", f"{place} is not there yet; it is made at the first start.")
        store = await Store.open(settings.database, data_dir=settings.data_dir)
        try:
            health = await store.check(thorough=True)
        finally:
            await store.close()
    except StoreError as error:
        return of_error("Database", error)
    if not health.ok:
        return problem("Database", f"{place}: {health.detail}")
    turns = health.rows.get("turn", 0)
    return ok("Database", f"{place}: {health.database}, {turns} turns. {health.detail}")


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return warning(
                "Port",
                f"{where} cannot be used: {error.strerror}.",
                "If that is not perm-chat itself, choose another with --port.",
            )
    return ok("Port", f"{where} is free")
