"""Guessing passwords is slowed down: tries that failed are counted, and then it is to wait.

Counted by name and address together, so that nobody locks another out from elsewhere; by address,
for one that tries many names; and by name, for one that comes from many addresses.
"""

from __future__ import annotations

import time
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from chat.limits import TooOften
from chat.store.accounts import key_of

FIVE: Final = 5  # minutes
BOTH: Final = RateLimitItemPerMinute(5, FIVE, namespace="name-and-address")
ADDRESS: Final = RateLimitItemPerMinute(30, FIVE, namespace="address")
NAME: Final = RateLimitItemPerMinute(100, FIVE, namespace="name")


class Attempts:
    """Counts in this process's memory alone."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def count(self, name: str, address: str) -> None:
        """Count a try before it is looked at, so that many at once gain nothing. Raises
        `TooOften`.
        """
        for limit, key in self._keys(name, address):
            if not await self._limiter.hit(limit, *key):
                stats = await self._limiter.get_window_stats(limit, *key)
                raise TooOften(
                    "That did not work too often.", max(1, round(stats.reset_time - time.time()))
                )

    async def succeeded(self, name: str, address: str) -> None:
        """Whoever has logged in may mistype again."""
        await self._limiter.clear(BOTH, key_of(name), address)

    @staticmethod
    def _keys(name: str, address: str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
        who = key_of(name)
        return (BOTH, (who, address)), (ADDRESS, (address,)), (NAME, (who,))
