"""A GGUF file as a safetensors folder, for servers that read nothing else. Made once and kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from filelock import AsyncFileLock

from chat.settings import for_child
from perm.checkpoint import ensure, examine
from perm.types import EngineError, EngineFault

SCRIPT: Final = Path(__file__).with_name("gguf_folder_process.py")
SOURCE: Final = "perm-chat-source.json"
"""Says inside the folder which file it was made of."""
GROWTH: Final = 4
"""How much larger 16 bits a weight are than a GGUF file's 4 to 5, at most."""
REVISION: Final = 1
"""Raised whenever the conversion changes what comes out."""

OnDetail = Callable[[str], None]


async def folder_of(file: Path, models_dir: Path, python: Path, on_detail: OnDetail) -> Path:
    """The folder of that file, made where it is not there. Waits where another process makes it.

    `python`: the interpreter of an environment with transformers, torch and gguf. Raises
    `EngineError` (NOT_READY) where it cannot be made, `CheckpointError` where it is not whole.
    """
    folder = models_dir / f"{file.stem}-safetensors"
    source = _source_of(file)
    await asyncio.to_thread(models_dir.mkdir, parents=True, exist_ok=True)
    async with AsyncFileLock(models_dir / f".{folder.name}.lock", poll_interval=0.5):
        if _made_of(folder) != source:
            _make_sure_of_room(file, models_dir)
            await _make(file, folder, source, python, on_detail)
    return folder


async def _make(
    file: Path, folder: Path, source: dict[str, Any], python: Path, on_detail: OnDetail
) -> None:
    draft = folder.with_name(f".{folder.name}.part")
    await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
    try:
        await _convert(file, draft, python, on_detail)
        ensure(await examine(draft))
        (draft / SOURCE).write_text(json.dumps(source) + "\n", "utf-8")
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)


async def _convert(file: Path, draft: Path, python: Path, on_detail: OnDetail) -> None:
    """Run the conversion in the other environment; it ends with us."""
    async with _running(str(python), str(SCRIPT), str(file), str(draft)) as process:
        if process.stdout is None or process.stderr is None:
            raise AssertionError("both are pipes")
        last = asyncio.create_task(_last_line(process.stderr))
        async for line in process.stdout:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                on_detail(json.loads(line)["detail"])
        said = await last
        if await process.wait():
            raise EngineError(
                EngineFault.NOT_READY,
                f"The file {file.name} could not be turned into a safetensors model.",
                f"The conversion said: {said}" if said else "Use a model in safetensors form.",
            )


@asynccontextmanager
async def _running(*command: str) -> AsyncIterator[Process]:
    variables = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=for_child(**variables)
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def _last_line(stream: asyncio.StreamReader) -> str:
    """The last line of what it said; progress bars are lines without an end."""
    said = b""
    while piece := await stream.read(4096):
        said = (said + piece)[-4096:]
    lines = said.decode("utf-8", "replace").split("\n")
    return next((line.strip()[-300:] for line in reversed(lines) if line.strip()), "")


def _source_of(file: Path) -> dict[str, Any]:
    """What tells one file from another without reading it all."""
    seen = file.stat()
    return {
        "file": file.name,
        "bytes": seen.st_size,
        "changed": seen.st_mtime_ns,
        "revision": REVISION,
    }


def _made_of(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / SOURCE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _make_sure_of_room(file: Path, models_dir: Path) -> None:
    needed = GROWTH * file.stat().st_size
    free = shutil.disk_usage(models_dir).free
    if free < needed:
        raise EngineError(
            EngineFault.NOT_READY,
            f"There is not enough room in {models_dir}: unpacking {file.name} takes up to "
            f"{needed / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free.",
            "Make room, or set another folder for models.",
        )
