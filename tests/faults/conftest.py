"""What the tests of faults share: a server that writes slowly, and what lies in a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.fleet import scripted_server

PACE: Final = 0.05
"""Seconds a token: a reply takes some seconds, time enough for whatever is to happen in it."""


@pytest.fixture(scope="module")
def slow_server() -> Iterator[str]:
    """An OpenAI-compatible server, in a process of its own, whose replies take some seconds."""
    with scripted_server(PACE) as url:
        yield url


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """What another program reads in an app's database."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()
