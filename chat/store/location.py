"""Where a database lies: one URL, in words that everybody knows, made into the driver's own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from chat.store.errors import StoreError, StoreFault

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
NAMES = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}


class Location(NamedTuple):
    """`url` is the asynchronous driver's; `path` is a SQLite file, else None."""

    url: URL
    path: Path | None

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def in_memory(self) -> bool:
        return self.is_sqlite and self.path is None

    def __str__(self) -> str:
        """For people: without a password."""
        if self.is_sqlite:
            return str(self.path) if self.path else "memory"
        return f"{self.url.database or ''} on {self.url.host or 'this machine'}"


def locate(url: str) -> Location:
    """Reads `sqlite:///FILE`, `sqlite:///:memory:` or `postgresql://...`.

    Raises `StoreError` for anything else. The URL is not repeated: it may hold a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(
            StoreFault.UNKNOWN,
            "The database URL cannot be read.",
            "It looks like sqlite:///folder/file.db or postgresql://user@host/database.",
        ) from None
    name = NAMES.get(parsed.drivername.partition("+")[0])
    if name is None or (parsed.database or "").startswith("file:"):
        raise StoreError(
            StoreFault.UNKNOWN,
            "The database URL is of a kind that is not supported.",
            "Use sqlite:///folder/file.db or postgresql://user@host/database.",
        )
    full = parsed.set(drivername=DRIVERS[name])
    if name != "sqlite":
        return Location(full, None)
    if parsed.database in (None, "", ":memory:"):
        return Location(full.set(database=":memory:"), None)
    path = Path(str(parsed.database)).expanduser().absolute()
    return Location(full.set(database=str(path)), path)
