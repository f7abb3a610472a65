"""The stores that the tests run on: each test on SQLite in a file, in memory, and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat.store import Store
from chat.store.tables import metadata
from tests.support.postgres import PostgresServer, postgres_server

__all__ = ["postgres_server"]

KINDS = [
    pytest.param("file", marks=pytest.mark.unit),
    pytest.param("memory", marks=pytest.mark.unit),
    pytest.param("postgres", marks=pytest.mark.postgres),
]
KEPT = [KINDS[0], KINDS[2]]


def url_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    if kind == "postgres":
        return str(request.getfixturevalue("postgres_server").database())
    return "sqlite:///:memory:" if kind == "memory" else f"sqlite:///{folder / 'kept' / 'chat.db'}"


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind."""
    return url_of(request.param, request, tmp_path)


@pytest.fixture(params=KEPT)
def kept_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same, of the kinds that outlive the process."""
    return url_of(request.param, request, tmp_path)


@pytest.fixture(scope="session")
def ready_postgres(postgres_server: PostgresServer) -> str:
    """A PostgreSQL database with the schema: to empty one is quicker than to make it anew."""

    async def make(url: str) -> None:
        await (await Store.open(url)).close()

    url = postgres_server.database()
    asyncio.run(make(url))
    return url


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        url = str(request.getfixturevalue("ready_postgres"))
        name = url.partition("?")[0].rpartition("/")[2]
        server: PostgresServer = request.getfixturevalue("postgres_server")
        server.run(name, f"TRUNCATE {', '.join(metadata.tables)} CASCADE")
        return url
    return url_of(request.param, request, tmp_path)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open, empty store, of each kind."""
    store = await Store.open(store_url)
    yield store
    await store.close()
