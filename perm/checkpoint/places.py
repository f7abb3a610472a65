"""Where a checkpoint lies: its list of files, and pieces of them.

A place reads only pieces that somebody bounded, and never more than BUDGET bytes in all, whatever
the files say about themselves.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from perm.checkpoint.report import Code, Halted
from perm.checkpoint.wording import named

BUDGET: Final = 32 * 2**20


class Place(ABC):
    """A local folder or a repository on the hub. Raises Halted for whatever cannot be read."""

    vocabulary_bytes: int
    """The largest tokenizer file that is worth reading whole here."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self._asked = 0

    @property
    def revision(self) -> str | None:
        """The commit that is examined, where there is one."""
        return None

    @abstractmethod
    async def files(self) -> Mapping[str, int]:
        """The files at the top, with their sizes in bytes."""

    @abstractmethod
    async def _piece(self, name: str, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, fewer at the file's end; adds to `bytes_read`."""

    async def read(self, name: str, start: int, stop: int) -> bytes:
        """As `_piece`, within the budget, which counts what was asked for: many ask at once."""
        self._asked += stop - start
        if self._asked > BUDGET:
            raise Halted(
                Code.TOO_LARGE,
                f"Headers and descriptions take more than {BUDGET:,} bytes before {named(name)}; "
                "no model that is served here needs that much.",
            )
        return await self._piece(name, start, stop)


class Folder(Place):
    """A local folder. What it holds is read in threads, so that a slow disk blocks nobody."""

    vocabulary_bytes = 4 * 2**20

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def files(self) -> Mapping[str, int]:
        try:
            return await asyncio.to_thread(self._listed)
        except OSError as error:
            raise unreadable(str(self._path), error) from None

    def _listed(self) -> dict[str, int]:
        """Regular files alone (links to them too): a pipe would wait for ever to be read."""
        with os.scandir(self._path) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}

    async def _piece(self, name: str, start: int, stop: int) -> bytes:
        try:
            data = await asyncio.to_thread(self._bytes, name, start, stop)
        except OSError as error:
            raise unreadable(name, error) from None
        self.bytes_read += len(data)
        return data

    def _bytes(self, name: str, start: int, stop: int) -> bytes:
        with (self._path / name).open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(stop - start) or b""


def unreadable(name: str, error: OSError) -> Halted:
    return Halted(
        Code.UNREADABLE,
        f"{named(name)} cannot be read: {error.strerror or type(error).__name__}.",
        "Give this program the right to read it, or name another folder.",
    )
