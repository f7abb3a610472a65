"""The beginning of a file that is still being fetched, kept between tries."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

OnProgress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes that there will be."""

CHUNK: Final = 1024 * 1024


class Part:
    """The bytes that have come. Short calls alone, but for `sha256` and `become`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """Bytes that are there; 0 where there is nothing."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def open_at(self, start: int) -> BinaryIO:
        """Opened to write from `start` on; what lay after it is gone."""
        file = self.path.open("r+b" if self.path.exists() else "w+b")
        file.truncate(start)
        file.seek(start)
        return file

    def sha256(self) -> str:
        return sha256_of(self.path)

    def become(self, path: Path) -> None:
        """Take another name once the content is on the disk: a power cut leaves no half model."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """In hexadecimal. Reads the whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
