"""The events of one turn, kept from the first, watched by any number of readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from chat.events import TurnEvent

Listener = Callable[[TurnEvent, bool], None]
"""Hears every event once, as it is published, and whether it is the turn's first of its kind."""


class Feed:
    """Written by the turn's own task. A reader that comes late gets everything from the start; one
    that leaves ends nothing but its own reading. Listeners are told beside it, whoever reads.
    """

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._listeners = tuple(listeners)
        self._kinds: set[type] = set()
        self._events: list[TurnEvent] = []
        self._readers: list[asyncio.Queue[TurnEvent | None]] = []
        self._closed = False

    def publish(self, event: TurnEvent) -> None:
        """Append one event; every reader gets it."""
        self._events.append(event)
        for reader in self._readers:
            reader.put_nowait(event)
        first = type(event) not in self._kinds
        self._kinds.add(type(event))
        for listener in self._listeners:
            listener(event, first)

    def close(self) -> None:
        """No event comes after this."""
        self._closed = True
        for reader in self._readers:
            reader.put_nowait(None)

    def fail(self, event: TurnEvent, last: TurnEvent) -> None:
        """End before anything was begun."""
        self.publish(event)
        self.publish(last)
        self.close()

    def _attach(self, queue: asyncio.Queue[TurnEvent | None]) -> None:
        for event in self._events:
            queue.put_nowait(event)
        if self._closed:
            queue.put_nowait(None)
        else:
            self._readers.append(queue)

    def _detach(self, queue: asyncio.Queue[TurnEvent | None]) -> None:
        if queue in self._readers:
            self._readers.remove(queue)


async def watch(feeds: Iterable[Feed]) -> AsyncIterator[TurnEvent]:
    """All events of these feeds, from their first on, as they come, until the last is closed."""
    queue: asyncio.Queue[TurnEvent | None] = asyncio.Queue()
    feeds = list(feeds)
    for feed in feeds:
        feed._attach(queue)
    open_feeds = len(feeds)
    try:
        while open_feeds:
            event = await queue.get()
            if event is None:
                open_feeds -= 1
            else:
                yield event
    finally:
        for feed in feeds:
            feed._detach(queue)
