"""Where the files of an export go: a folder, or one ZIP. Whole at the end, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from chat.export.order import ExportError

OWN: Final = 0o600
"""For whoever made it alone, as the database is."""


class Target(Protocol):
    def open(self, name: str) -> BinaryIO:
        """A new file to write into; it is taken up with `commit`."""

    def drop(self, name: str) -> None:
        """Take an open file back: nothing came into it."""

    def commit(self) -> None:
        """All files are complete: put them in their place."""

    def discard(self) -> None:
        """Leave nothing behind. Nothing to do after `commit`."""


class FolderTarget:
    """Files in a new or empty folder, each written beside its place, synced, then renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = not folder.exists()
        self._files: dict[str, BinaryIO] = {}
        if not self._made and (not folder.is_dir() or any(folder.iterdir())):
            raise ExportError(
                f"{folder} is there already and is not an empty folder.",
                "Name another --out; an export never writes over another one.",
            )
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def open(self, name: str) -> BinaryIO:
        handle = os.open(self._part(name), os.O_CREAT | os.O_EXCL | os.O_RDWR, OWN)
        self._files[name] = os.fdopen(handle, "w+b")
        return self._files[name]

    def drop(self, name: str) -> None:
        self._files.pop(name).close()
        self._part(name).unlink()

    def commit(self) -> None:
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        for name in self._files:
            self._part(name).replace(self._folder / name)
        _sync(self._folder)
        self._files.clear()

    def discard(self) -> None:
        for name, file in self._files.items():
            file.close()
            self._part(name).unlink(missing_ok=True)
        if self._files and self._made and not any(self._folder.iterdir()):
            self._folder.rmdir()
        self._files.clear()

    def _part(self, name: str) -> Path:
        return self._folder / f".{name}.part"


class ZipTarget:
    """One ZIP, written into a file that is open. What is under way has no name on the disk."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._files: dict[str, BinaryIO] = {}

    def open(self, name: str) -> BinaryIO:
        # A folder that nobody else may read would still keep it after a crash; a file without a
        # name is gone with the process.
        self._files[name] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `discard`
        return self._files[name]

    def drop(self, name: str) -> None:
        self._files.pop(name).close()

    def commit(self) -> None:
        with zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, file in self._files.items():
                file.seek(0)
                with archive.open(name, "w", force_zip64=True) as member:
                    shutil.copyfileobj(file, member)
        self._out.flush()
        self.discard()

    def discard(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
