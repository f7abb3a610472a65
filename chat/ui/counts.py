"""Countings that take long: told how far they are, and ended by a newer wish of the same page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NamedTuple

from chat.export import Summary

LOOK_EVERY: Final = 0.4
"""Seconds between two words on how far it is."""

Told = Callable[[int, int], None]


class SoFar(NamedTuple):
    """`total` is 0 until it is known: others may be counting first."""

    done: int
    total: int


class Counts:
    """At most one counting a page; `page` tells pages apart and is no proof of anything."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Summary]] = {}

    async def run(
        self, page: str, work: Callable[[Told], Awaitable[Summary]]
    ) -> AsyncIterator[SoFar | Summary]:
        """How far it is, now and then, and last the summary; no summary where a newer wish came.

        Raises what `work` raises. Whoever leaves ends the work.
        """
        if (older := self._running.pop(page, None)) is not None:
            older.cancel()
        so_far = SoFar(0, 0)

        def hear(done: int, total: int) -> None:
            nonlocal so_far
            so_far = SoFar(done, total)

        task = self._running[page] = asyncio.ensure_future(work(hear))
        try:
            while not (await asyncio.wait({task}, timeout=LOOK_EVERY))[0]:
                yield so_far
            if not task.cancelled():
                yield task.result()
        finally:
            task.cancel()
            if self._running.get(page) is task:
                del self._running[page]
