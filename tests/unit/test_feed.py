"""Any number of readers, early or late, and none of them can end the turn."""

from __future__ import annotations

import asyncio

import pytest

from chat.events import TurnEnded, TurnEvent, Waiting
from chat.feed import Feed, watch

pytestmark = pytest.mark.unit


async def read(*feeds: Feed) -> list[TurnEvent]:
    return [event async for event in watch(feeds)]


async def test_early_and_late_readers_get_the_same() -> None:
    feed = Feed()
    feed.publish(Waiting(why="first"))
    early = asyncio.create_task(read(feed))
    await asyncio.sleep(0)
    feed.publish(TurnEnded())
    feed.close()
    assert await early == await read(feed) == [Waiting(why="first"), TurnEnded()]


async def test_a_reader_that_leaves_ends_nothing() -> None:
    feed = Feed()
    feed.publish(Waiting(why="one"))
    async for _ in watch([feed]):
        break
    feed.publish(Waiting(why="two"))
    feed.close()
    assert await read(feed) == [Waiting(why="one"), Waiting(why="two")]


async def test_several_feeds_end_with_the_last() -> None:
    one, two = Feed(), Feed()
    both = asyncio.create_task(read(one, two))
    await asyncio.sleep(0)
    one.publish(Waiting(why="one"))
    one.close()
    await asyncio.sleep(0)
    assert not both.done()
    two.publish(Waiting(why="two"))
    two.close()
    assert await both == [Waiting(why="one"), Waiting(why="two")]


async def test_no_feed_is_an_end_at_once() -> None:
    assert await read() == []
