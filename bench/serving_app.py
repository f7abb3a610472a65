"""The app as people start it, in a process of its own, with the moment at which it was started."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from bench.harness import free_port
from chat.settings import ROOT

PATIENCE: Final = 180.0
POLL: Final = 0.05


@dataclass(frozen=True)
class ServedApp:
    """`started`: monotonic seconds; `database`: its file; `pid`: its own process."""

    url: str
    started: float
    database: Path
    pid: int

    async def page(self) -> float:
        """Seconds from the start until the page is served."""
        return await self._until("/")

    async def ready(self) -> float:
        """Seconds from the start until engine, judge and store are ready."""
        return await self._until("/healthz")

    async def _until(self, path: str) -> float:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as http:
            async with asyncio.timeout(PATIENCE):
                while not await _well(http, path):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(POLL)
        return time.monotonic() - self.started


async def _well(http: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await http.get(path)).is_success
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def served_app(folder: Path, *options: str) -> AsyncIterator[ServedApp]:
    """`python app.py` with these options and its data in the folder; ended afterwards."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing waits here
    port = free_port()
    command = (
        *(sys.executable, str(ROOT / "app.py"), "--port", str(port)),
        *("--data-dir", str(folder / "data"), *options),
    )
    own = {name: value for name, value in os.environ.items() if "PERM_CHAT" not in name}
    with (folder / "log.txt").open("ab") as log:
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=own, stdout=log, stderr=log
        )
        try:
            database = folder / "data" / "perm-chat.db"
            yield ServedApp(f"http://127.0.0.1:{port}", started, database, process.pid)
        finally:
            process.terminate()
            await process.wait()
