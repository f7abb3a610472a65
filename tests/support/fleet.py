"""Several app processes on one database, as behind one address, and a person who talks to them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from tests.support.app import ROOT, App, free_port, running_app

PATIENCE: Final = 60.0
"""Seconds after which what should have happened did not."""


@contextmanager
def running_apps(count: int, home: Path, database: str, *options: str) -> Iterator[list[App]]:
    """So many apps, started at the same moment on the same database."""

    def start(number: int) -> tuple[ExitStack, App]:
        stack = ExitStack()
        place = home / f"app-{number}"
        app = stack.enter_context(running_app(place, "--database-url", database, *options))
        return stack, app

    with ExitStack() as whole, ThreadPoolExecutor(count) as pool:
        apps = []
        for stack, app in pool.map(start, range(count)):
            whole.push(stack)
            apps.append(app)
        yield apps


@contextmanager
def scripted_server(pace: float) -> Iterator[str]:
    """The demo behind an OpenAI-compatible address, in its own process. `pace`: seconds a token."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.openai_server", "--port", str(port)]
    with subprocess.Popen([*command, "--pace", str(pace)], cwd=ROOT) as process:
        try:
            until(lambda: _answers(f"http://127.0.0.1:{port}/v1/models"))
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(holds: Callable[[], bool]) -> None:
    """Wait until something that nobody tells of has happened."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


class Turn:
    """A turn as the API streams it."""

    def __init__(self, client: httpx.Client, url: str, **body: Any) -> None:
        self._response = client.stream("POST", f"{url}/api/turns", json=body, timeout=600)
        self._lines: Iterator[str] = iter(())

    def __enter__(self) -> Turn:
        response = self._response.__enter__()
        response.raise_for_status()
        self._lines = response.iter_lines()
        return self

    def __exit__(self, *error: Any) -> None:
        self._response.__exit__(*error)

    def events(self) -> Iterator[dict[str, Any]]:
        for line in self._lines:
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))

    def until(self, kind: str) -> dict[str, Any]:
        """The next event of that kind."""
        return next(event for event in self.events() if event["event"] == kind)


def statuses(database: str) -> list[str]:
    """What the replies are, oldest first."""
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT status FROM reply ORDER BY created_at").fetchall()
    return [row[0] for row in rows]
