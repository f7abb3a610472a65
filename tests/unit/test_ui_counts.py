"""Countings that take long: how far they are is told, and a newer wish ends an older one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chat.export import Format, Order, Summary
from chat.export.summary import Counting
from chat.ui import counts
from chat.ui.counts import Counts, SoFar, Told
from chat.ui.export_preview import counting
from perm.types import PermError

pytestmark = pytest.mark.unit

DONE = Counting(Order(format=Format.SFT)).summary()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "LOOK_EVERY", 0.01)


def until(gate: asyncio.Event) -> Callable[[Told], Awaitable[Summary]]:
    async def work(told: Told) -> Summary:
        told(3, 40)
        await gate.wait()
        return DONE

    return work


async def test_how_far_it_is_is_told_until_it_is_done() -> None:
    gate = asyncio.Event()
    seen: list[Any] = []
    async for found in Counts().run("page", until(gate)):
        seen.append(found)
        gate.set()
    assert seen[0] == SoFar(3, 40)
    assert seen[-1] is DONE


async def test_a_newer_wish_of_the_same_page_ends_the_older_one() -> None:
    running = Counts()
    never, gate = asyncio.Event(), asyncio.Event()
    older = running.run("page", until(never))
    other = running.run("another page", until(gate))
    assert await anext(older) == SoFar(3, 40)
    assert await anext(other) == SoFar(3, 40)
    gate.set()
    newer = [found async for found in running.run("page", until(gate))]
    assert newer[-1] is DONE
    assert DONE not in [found async for found in older], "it ends without a word"
    assert [found async for found in other][-1] is DONE, "another page's goes on"


async def test_who_leaves_ends_the_counting() -> None:
    ended = asyncio.Event()

    async def work(told: Told) -> Summary:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return DONE

    stream = Counts().run("page", work)
    assert await anext(stream) == SoFar(0, 0)
    await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.wait_for(ended.wait(), 10)


async def test_what_goes_wrong_is_raised() -> None:
    async def work(told: Told) -> Summary:
        raise PermError("It cannot be counted.")

    with pytest.raises(PermError, match="cannot be counted"):
        [found async for found in Counts().run("page", work)]


def test_the_page_says_how_far_it_is() -> None:
    assert "120 of 5,000 conversations" in counting(120, 5000)
    assert 'value="120" max="5000"' in counting(120, 5000)
    assert "others" in counting(0, 0)
