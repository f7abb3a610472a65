"""Tabs that are closed while a reply comes: every turn is finished, judged and saved."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Final

import httpx
import pytest

from bench.page_client import PageClient
from tests.conftest import Figures
from tests.faults.conftest import rows
from tests.support.app import App, running_app
from tests.support.fleet import PATIENCE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

TABS: Final = 5
"""Of the page itself."""

READERS: Final = 15
"""Of the API."""

LONGEST: Final = 3.0
"""Seconds after which the last of them is gone; a reply takes about as long."""

SAVED: Final = (
    "SELECT count(*) FROM reward JOIN reply ON reply.id = reward.reply_id WHERE status = 'complete'"
)


async def test_closed_tabs_lose_nothing(tmp_path: Path, slow_server: str, figure: Figures) -> None:
    options = ("--engine", "openai", "--base-url", slow_server, "--method", "direct")
    with running_app(tmp_path, *options) as app:
        chance = random.Random(READERS)
        leaving = [chance.uniform(0, LONGEST) for _ in range(TABS + READERS)]
        tabs = [tab(app, after) for after in leaving[:TABS]]
        readers = [reader(app, after) for after in leaving[TABS:]]
        begun = sum(await asyncio.gather(*tabs, *readers))
        saved = await _saved(app, begun)
        assert saved == begun == TABS + READERS
        assert rows(app.database, "SELECT count(*) FROM turn") == [(begun,)]
        assert "Traceback" not in app.log.read_text()
    figure("faults.tabs", f"{saved} of {begun}", "turns finished, judged and saved")


async def tab(app: App, seconds: float) -> int:
    """A page that sends a message and is closed so long after the reply has begun to come."""
    page = await PageClient.open(app.url)
    coming = asyncio.Event()

    def seen(frame: bytes) -> None:
        if b"process_generating" in frame:
            coming.set()

    saying = asyncio.create_task(page.say("I am so tired.", seen, keep=True))
    async with asyncio.timeout(PATIENCE):
        await coming.wait()
    await asyncio.sleep(seconds)
    saying.cancel()
    await asyncio.gather(saying, return_exceptions=True)
    await page.close()
    return 1


async def reader(app: App, seconds: float) -> int:
    """A reader of the API's stream who hangs up so long after the turn was saved."""
    body = {"message": "I am so tired.", "consents": {"keep": True}}
    async with (
        httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client,
        client.stream("POST", f"{app.url}/api/turns", json=body) as stream,
    ):
        assert stream.status_code == 200
        await anext(stream.aiter_lines())
        await asyncio.sleep(seconds)
    return 1


async def _saved(app: App, begun: int) -> int:
    """How many turns have a whole reply and its reward, once as many have as will."""
    async with asyncio.timeout(PATIENCE):
        while (found := rows(app.database, SAVED)[0][0]) < begun:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return int(found)
