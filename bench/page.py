"""What the app adds: from the moment a token leaves the engine to the frame that shows it.

The scripted server stamps each token with the moment at which it is sent; a page without a browser
(bench.page_client) finds the stamps in what it receives, at 1, 20 and 50 sessions; a real Chromium
finds them in the page it draws, at 1. All sessions talk at once and judging goes on as ever;
between two turns each waits as long as a quick reader would.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from bench.fixed_server import now, stamps
from bench.harness import Bench, Line, fixed_server, quantile
from bench.page_client import PageClient
from bench.serving_app import served_app
from chat.ui.view import FRAME_SECONDS

LIMIT: Final = 150.0
LIMITED: Final = 20
SESSIONS: Final = (1, LIMITED, 50)
PACE: Final = 0.04
TURNS: Final = 4
READING: Final = 2.0
"""Seconds between two turns of a session."""

ROUND: Final = 7.0
"""About what one turn takes with its reading; the sessions begin spread over it."""

WHAT: Final = "added by the app, engine token to browser frame"
CHROMIUM: Final = ("--no-sandbox", "--disable-quic", "--disable-background-networking")

WATCH: Final = """() => {
  window.seen = []; window.known = new Set();
  const look = () => {
    const at = performance.timeOrigin + performance.now();
    for (const found of document.body.textContent.matchAll(/~([0-9a-z]+)/g)) {
      if (!window.known.has(found[1])) {
        window.known.add(found[1]);
        window.seen.push([found[1], at]);
      }
    }
  };
  new MutationObserver(look).observe(
    document.body, { subtree: true, childList: true, characterData: true });
}"""
"""Notes when each stamp was first to be seen in the page."""


async def measure(bench: Bench) -> list[Line]:
    lines = []
    async with _app(bench) as (app, engine):
        for sessions in SESSIONS[: bench.times(3, 2)]:
            turns = bench.times(TURNS, 2)
            straight = await _straight(engine, sessions)
            ages = await _ages(app, sessions, turns)
            lines.append(_line(ages, straight, sessions))
        lines.insert(1, await _in_chromium(app, bench.times(3, 1)))
    return lines


@asynccontextmanager
async def _app(bench: Bench) -> AsyncIterator[tuple[str, str]]:
    """The app in front of the scripted server; gives both addresses."""
    async with fixed_server("--pace", str(PACE)) as engine:
        options = ("--engine", "openai", "--base-url", engine, "--turns-per-minute", "1000")
        async with served_app(bench.folder / "page", *options) as app:
            await app.ready()
            yield app.url, engine


async def _ages(url: str, sessions: int, turns: int) -> list[float]:
    """Milliseconds of every token, when a frame first showed it."""
    pages = [await PageClient.open(url) for _ in range(sessions)]
    ages: list[float] = []

    async def talk(page: PageClient, wait: float) -> None:
        known: set[int] = set()

        def seen(frame: bytes) -> None:
            moment = now()
            fresh = set(stamps(frame)) - known
            known.update(fresh)
            ages.extend((moment - sent) / 1000 for sent in fresh)

        await asyncio.sleep(wait)
        for number in range(turns):
            await page.say(f"I am tired today, for the {number + 1}. time.", seen)
            await asyncio.sleep(READING)

    try:
        waits = [ROUND * number / sessions for number in range(sessions)]
        await asyncio.gather(*map(talk, pages, waits))
    finally:
        for page in pages:
            await page.close()
    return ages


async def _straight(engine: str, sessions: int) -> list[float]:
    """The same without the app: how old tokens are when a bare client has them."""
    body = {"model": "fixed", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    ages: list[float] = []

    async def listen(http: httpx.AsyncClient) -> None:
        async with http.stream("POST", f"{engine}/chat/completions", json=body) as answer:
            async for piece in answer.aiter_raw():
                moment = now()
                ages.extend((moment - sent) / 1000 for sent in stamps(piece))

    async with httpx.AsyncClient(timeout=None, trust_env=False) as http:
        await asyncio.gather(*(listen(http) for _ in range(sessions)))
    return ages


async def _in_chromium(url: str, turns: int) -> Line:
    what, against = f"{WHAT} drawn by Chromium, p95, 1 session", "nothing: milliseconds"
    installed = shutil.which("chromium") or shutil.which("chromium-browser")
    path = os.environ.get("CHROMIUM", installed)
    if path is None:
        return Line(what, against, None, "ms", missing="there is no chromium on this machine")
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only where it is there

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
        page = await browser.new_page()
        await page.goto(url)
        await page.locator(".chip.ready").wait_for()
        await page.evaluate(WATCH)
        for number in range(turns):
            await page.locator("#box textarea").fill(f"I am tired, for the {number + 1}. time.")
            await page.locator("#box textarea").press("Enter")
            await page.get_by_text(f"Turn {number + 1} is complete.").wait_for(state="attached")
        seen = await page.evaluate("window.seen")
        offset = await _offset(page)
        await browser.close()
    return _chromium_line(what, against, [at - offset - int(s, 36) / 1000 for s, at in seen])


async def _offset(page: Any) -> float:  # noqa: ANN401 - a Playwright page
    """The browser's clock less ours, in milliseconds, by the quickest of several questions."""
    best = (float("inf"), 0.0)
    for _ in range(20):
        before = now() / 1000
        theirs = await page.evaluate("performance.timeOrigin + performance.now()")
        after = now() / 1000
        best = min(best, (after - before, theirs - (before + after) / 2))
    return best[1]


def _chromium_line(what: str, against: str, ages: Sequence[float]) -> Line:
    detail = f"p50 {quantile(ages, 0.5):.0f} ms over {len(ages)} tokens"
    return Line(what, against, quantile(ages, 0.95), "ms", server="scripted", detail=detail)


def _line(ages: Sequence[float], straight: Sequence[float], sessions: int) -> Line:
    return Line(
        f"{WHAT}, p95, {sessions} session{'s' if sessions > 1 else ''}",
        "nothing: milliseconds",
        quantile(ages, 0.95),
        "ms",
        limit=LIMIT if sessions == LIMITED else None,
        server="scripted",
        detail=f"p50 {quantile(ages, 0.5):.0f} ms, p99 {quantile(ages, 0.99):.0f} ms over "
        f"{len(ages)} tokens, of which {1000 * FRAME_SECONDS:.0f} ms at most is the frame's own "
        f"pause; a bare client: p95 {quantile(straight, 0.95):.0f} ms",
    )
