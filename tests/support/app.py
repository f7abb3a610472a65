"""The app as people start it: `python app.py`, its own process, its own data, a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS: Final = 120.0


class App:
    """A running app. `database` is its SQLite file; `log` what it printed."""

    def __init__(self, url: str, data: Path, log: Path, process: subprocess.Popen[bytes]) -> None:
        self.url, self.data, self.log, self._process = url, data, log, process

    @property
    def database(self) -> Path:
        return self.data / "perm-chat.db"

    @property
    def pid(self) -> int:
        """The app's own process; the model's is another."""
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """How it ended; negative for a signal."""
        return self._process.poll()


@contextmanager
def running_app(home: Path, *options: str) -> Iterator[App]:
    """Start the app with the scripted engine (or what `options` say) and end it afterwards.

    `home` keeps its data: a second start with the same one finds the first one's conversations.
    """
    port = free_port()
    data, log = home / "data", home / "log.txt"
    home.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, str(ROOT / "app.py"), "--engine", "scripted"),
        *("--port", str(port), "--data-dir", str(data), *options),
    ]
    environment = {key: value for key, value in os.environ.items() if "PERM_CHAT" not in key}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=out, stderr=out)
    app = App(f"http://127.0.0.1:{port}", data, log, process)
    try:
        _wait(app)
        yield app
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(app: App) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if not app.running:
            raise RuntimeError(f"the app ended at its start:\n{app.log.read_text()}")
        try:
            with urllib.request.urlopen(app.url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the app did not answer in {START_SECONDS:.0f} s:\n{app.log.read_text()}")
