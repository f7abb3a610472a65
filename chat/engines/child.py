"""A child process that cannot outlive us, told its work through a pipe.

Both ends are here. Ours holds the pipe to the child's standard input open as long as we live; the
child ends when it closes, whatever ended us. On Linux the kernel sees to it as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self, cast

from chat.settings import ROOT, for_child

STOP_SECONDS: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


class Child:
    """Our end. Use as `async with await Child.start(module, work, log_file) as child`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._to = cast("StreamWriter", process.stdin)
        self._from = cast("StreamReader", process.stdout)

    @classmethod
    async def start(cls, module: str, work: Mapping[str, Any], log_file: Path) -> Self:
        """Run `python -m module`, and hand it `work` as one line of JSON, seen by nobody else."""
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                env=for_child(),
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C is for us; we end it in our own order
            )
        child = cls(process)
        child._to.write(json.dumps({**work, "parent": os.getpid()}).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await child._to.drain()
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    async def told(self) -> dict[str, Any]:
        """The next line that it writes; empty where it ended instead."""
        line = await self._from.readline()
        try:
            told = json.loads(line)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    async def ended(self) -> int:
        """Its exit status, once it has ended; negative for a signal."""
        return await self._process.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pipe, which ends it; kill it where that takes too long."""
        if self._process.returncode is not None:
            return
        self._to.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._process.wait()), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        except asyncio.CancelledError:
            self._process.kill()
            raise


def work_from_parent() -> dict[str, Any]:
    """The child's end: the work to do. From here on the process ends when its parent does."""
    line = sys.stdin.buffer.readline()
    work: dict[str, Any] = json.loads(line)
    parent = work.pop("parent")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            os._exit(0)
    threading.Thread(target=_end_with_the_pipe, daemon=True).start()
    return work


def tell_parent(**news: object) -> None:
    """One line of news to the parent."""
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


def fall_silent() -> None:
    """Nothing that comes after this reaches the log or the parent: it may hold what people said."""
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(silence, stream.fileno())


def _end_with_the_pipe() -> None:
    with contextlib.suppress(OSError):
        while sys.stdin.buffer.read(4096):
            pass
    os._exit(0)
