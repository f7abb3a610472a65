"""How many requests are taken: of one person, and of one address, in any minute.

What is only a file of the page costs nothing and is not counted. The address is counted first, so
that somebody who comes with a new cookie each time is one visitor all the same.
"""

from __future__ import annotations

import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from chat.limits import TooOften

PEOPLE_AT_AN_ADDRESS: Final = 10
"""A classroom or an office comes from one address."""

FILES: Final = ("/assets/", "/static/", "/theme.css", "/favicon.ico", "/gradio_api/theme.css")


class Traffic:
    """Counts in this process's memory. `per_minute`: of one person; 0 counts nothing."""

    def __init__(self, per_minute: int) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._person = self._address = None
        if per_minute:
            self._person = RateLimitItemPerMinute(per_minute, namespace="person")
            self._address = RateLimitItemPerMinute(
                per_minute * PEOPLE_AT_AN_ADDRESS, namespace="address"
            )

    async def from_address(self, address: str, path: str) -> None:
        """Raises `TooOften`."""
        await self._count(self._address, address, path)

    async def from_person(self, owner: str, path: str) -> None:
        """Raises `TooOften`."""
        await self._count(self._person, owner, path)

    async def _count(self, limit: RateLimitItemPerMinute | None, key: str, path: str) -> None:
        if limit is None or path.startswith(FILES):
            return
        if not await self._limiter.hit(limit, key):
            stats = await self._limiter.get_window_stats(limit, key)
            raise TooOften(
                "That was a lot within one minute.", max(1, round(stats.reset_time - time.time()))
            )
