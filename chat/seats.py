"""So many judge calls at once and no more: by rank and, within a rank, by who came first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import IntEnum


class Rank(IntEnum):
    """Who is served first. The first can still be known while its reply is being written."""

    EARLY = 0
    SCORE = 1
    REASON = 2
    WARMING = 3


class Seats:
    """`limit()`: how many calls may run at once, asked anew each time; 0 holds everybody up.

    Reasons take long and nobody waits for them: they leave half of the seats to scores.
    """

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._taken: Counter[Rank] = Counter()
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()

    @property
    def taken(self) -> int:
        """How many calls run now."""
        return self._taken.total()

    @property
    def free(self) -> bool:
        """Whether a call could begin at once, with nobody waiting before it."""
        return not self._waiting and self._room(Rank.EARLY)

    @asynccontextmanager
    async def seat(self, rank: Rank) -> AsyncIterator[None]:
        """Wait for a seat and hold it."""
        await self._sit(rank)
        try:
            yield
        finally:
            self._leave(rank)

    def hand_out(self) -> None:
        """Seat whoever there is room for: after a seat was left, and when the limit was raised."""
        while self._waiting and self._room(self._waiting[0][0]):
            rank, _, turn = heapq.heappop(self._waiting)
            if not turn.done():  # else it was cancelled while it waited
                self._taken[rank] += 1
                turn.set_result(None)

    def _room(self, rank: Rank) -> bool:
        limit = self._limit()
        if rank >= Rank.REASON and self._taken[Rank.REASON] >= max(1, limit // 2):
            return False
        return self._taken.total() < limit

    def _leave(self, rank: Rank) -> None:
        self._taken[rank] -= 1
        self.hand_out()

    async def _sit(self, rank: Rank) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrivals), turn))
        self.hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # seated in the moment of being cancelled
                self._leave(rank)
            raise
