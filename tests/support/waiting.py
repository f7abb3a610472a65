"""Waiting for what has no event of its own: another process, a server's list of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Raises `TimeoutError` where it does not come true within so many seconds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)
