"""Databases that are cut off, overwritten, or no databases at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chat.store import Store
from tests.store.samples import begin, talk


async def made(path: Path) -> bytes:
    """A database with enough in it for several pages of each table; gives its bytes."""
    store = await Store.open(f"sqlite:///{path}")
    for _ in range(3):
        await talk(store, (await begin(store)).id, 10)
    await store.close()
    return path.read_bytes()


def cut(data: bytes, to: float) -> bytes:
    return data[: int(len(data) * to)]


def overwritten(data: bytes, start: int, length: int) -> bytes:
    return data[:start] + b"\xa5" * length + data[start + length :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "a few bytes": lambda data: data[:10],
    "the first page alone": lambda data: data[:4096],
    "cut to the half": lambda data: cut(data, 0.5),
    "cut in a page": lambda data: data[:-1000],
    "without its last page": lambda data: data[:-4096],
    "text": lambda data: b"Dear diary, this is not a database.\n" * 500,
    "zeros": lambda data: bytes(len(data)),
    "another start": lambda data: overwritten(data, 0, 100),
    "a page overwritten": lambda data: overwritten(data, 4096 * 2, 4096),
    "the schema overwritten": lambda data: overwritten(data, 100, 3000),
}
