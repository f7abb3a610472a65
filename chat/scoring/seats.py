"""How many judge calls run at once: as many as were asked for, or as many as make it faster.

No server tells how many calls it serves best: a guess is too few for a GPU and too many for a
laptop. So the number is found out on the way: it is doubled for as long as that pays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from perm.types import Verdict

MOST: Final = 64
"""Calls at once that are never exceeded unasked: a hosted judge has other users."""

ROUNDS: Final = 3
"""A number of seats is judged by as many calls as fill them so often."""

GAIN: Final = 1.15
"""How much faster twice the seats must be to stay."""


class Seats:
    """A gate (chat.scoring.scorer.Gate) that begins with `calls` and doubles them up to `most`."""

    def __init__(
        self, calls: int, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._clock = max(calls, most), clock
        self._calls = calls
        self._free = asyncio.Semaphore(calls)
        self._owed = 0  # seats that are taken away as soon as they are free
        self._best = 0, 0.0  # seats, and the calls a second that they gave
        self._settled = calls >= self._most
        self._done, self._since = 0, 0.0

    @property
    def calls(self) -> int:
        """Calls at once, for now."""
        return self._calls

    @property
    def most(self) -> int:
        """Calls at once that it may come to."""
        return self._calls if self._settled else self._most

    async def __call__(self, call: Callable[[], Awaitable[Verdict]]) -> Verdict:
        await self._free.acquire()
        self._since = self._since or self._clock()
        try:
            return await call()
        finally:
            self._leave()
            if not self._settled:
                self._count()

    def _leave(self) -> None:
        if self._owed:
            self._owed -= 1
        else:
            self._free.release()

    def _count(self) -> None:
        self._done += 1
        if self._done < ROUNDS * self._calls:
            return
        now = self._clock()
        rate = self._done / max(now - self._since, 1e-9)
        self._done, self._since = 0, now
        if rate < GAIN * self._best[1]:
            self._settle()
            return
        self._best = self._calls, rate
        if self._calls >= self._most:
            self._settled = True
            return
        self._widen(min(2 * self._calls, self._most))

    def _widen(self, calls: int) -> None:
        for _ in range(calls - self._calls):
            self._free.release()
        self._calls = calls

    def _settle(self) -> None:
        """Back to the number that was as fast with fewer."""
        self._settled = True
        calls, _ = self._best
        self._owed += self._calls - calls
        self._calls = calls
