"""Keeps `vllm serve` in a process group of its own: `python -m chat.engines.vllm_process`.

Reads its work from standard input, tells on standard output how far the server is and then its
address, and ends the whole group, itself included, when standard input ends or the server does.
vLLM is several processes; nothing but the group reaches all of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from chat.engines.child import tell_parent
from chat.engines.process_group import remove, shared_memory
from chat.engines.vllm_log import FIRST, Failure, error_in, failure_in, step_in
from chat.settings import for_child

GRACE: Final = 3.0
"""Seconds for vLLM to end in its own order before it is killed."""
LAST_WORDS: Final = 1.0
"""Seconds for what it wrote before its end."""
LOOK_AGAIN: Final = 0.5
_PR_SET_PDEATHSIG: Final = 1


class Watch:
    """One server, from its start to its end."""

    def __init__(self, work: dict[str, Any]) -> None:
        """`command`: the program with its options; `variables`: more environment for it."""
        self._port = free_port()
        self._talking = threading.Lock()
        self._ready = False
        self._step = FIRST
        self._failure: Failure | None = None
        self._server = subprocess.Popen(  # noqa: S603 - our own words and the operator's
            [*work["command"], "--host", "127.0.0.1", "--port", str(self._port)],
            env=for_child(**work["variables"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread has been started yet
        )

    def run(self) -> NoReturn:
        """Report until the server ends; then end the group."""
        self._tell(detail=FIRST.detail)
        reading = threading.Thread(target=self._read, args=(self._server.stdout,), daemon=True)
        reading.start()
        threading.Thread(target=self._end_with_the_pipe, daemon=True).start()
        threading.Thread(target=self._tell_when_ready, daemon=True).start()
        self._server.wait()
        reading.join(LAST_WORDS)  # its other processes may live on, and hold its output open
        if not self._ready and self._failure:
            self._tell(refused=True, what=self._failure.what, todo=self._failure.todo)
        self._end()

    def _read(self, lines: Iterable[str]) -> None:
        """Log what it says while it starts. Later lines may hold what people said: names alone."""
        for line in lines:
            if self._ready:
                if name := error_in(line):
                    log(f"{name}\n")
                continue
            log(line)
            self._failure = self._failure or failure_in(line)
            step = step_in(line)
            if step is not None and step != self._step:
                self._step = step
                self._tell(detail=step.detail, progress=step.progress)

    def _tell_when_ready(self) -> None:
        address = f"http://127.0.0.1:{self._port}"
        while not healthy(address):
            time.sleep(LOOK_AGAIN)
        self._ready = True
        self._tell(address=address)

    def _end_with_the_pipe(self) -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        self._end()

    def _end(self) -> NoReturn:
        try:
            held = shared_memory(os.getpgrp())
            self._server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(GRACE)
            remove(held)
        finally:
            os.killpg(0, signal.SIGKILL)
        raise AssertionError("unreachable: this process is in the group")

    def _tell(self, **news: object) -> None:
        with self._talking:
            tell_parent(**news)


def log(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def healthy(address: str) -> bool:
    """Whether the server answers there. No proxy stands between this machine and itself."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}/health", timeout=10) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def die_with_parent() -> None:
    """Should this watch be killed itself, the kernel ends the server (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    work: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    Watch(work).run()


if __name__ == "__main__":
    main()
