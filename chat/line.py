"""Who goes first where supporter and judge share a model: chat always before judging."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

T = TypeVar("T")

NOBODY: Final = UUID(int=0)

PATIENCE: Final = 3
"""How often one judge call is put back before it may stay: on a busy day every turn is scored."""


class Line:
    """Orders the calls to one engine.

    A judge call waits while the reply to *another* turn is being written, and where `gives_way()`
    is true (a slow engine that serves both) a running one is ended and begun again later. Judging
    the reply that is being written goes on beside it: that is how resonation is known early.
    """

    def __init__(self, gives_way: Callable[[], bool], judge_calls: int = 4) -> None:
        """`judge_calls`: how many judge calls may run at once."""
        self._gives_way = gives_way
        self._writing: set[UUID] = set()
        self._changed = asyncio.Condition()
        self._seats = asyncio.Semaphore(judge_calls)

    @property
    def writing(self) -> int:
        """How many replies are being written or about to be."""
        return len(self._writing)

    @asynccontextmanager
    async def chatting(self, reply_id: UUID) -> AsyncIterator[None]:
        """Hold while the reply is asked for and written."""
        await self._set(reply_id, writing=True)
        try:
            yield
        finally:
            await self._set(reply_id, writing=False)

    async def judging(self, reply_id: UUID, call: Callable[[], Awaitable[T]]) -> T:
        """Run one judge call when it is its turn; `call` may be begun more than once."""
        put_back = 0
        while self._gives_way() and put_back < PATIENCE:
            await self._others(reply_id, present=False)
            async with self._seats:
                if self._writing - {reply_id}:
                    continue  # somebody spoke while this call waited for its seat
                task = asyncio.ensure_future(call())
                if await self._finished_undisturbed(task, reply_id):
                    return task.result()
                put_back += 1
        async with self._seats:
            return await call()

    async def warming(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run one warm-up call when nobody is being answered."""
        await self._others(NOBODY, present=False)
        async with self._seats:
            return await call()

    async def idle(self) -> None:
        """Wait until nobody is being answered: for replies that no one waits for."""
        await self._others(NOBODY, present=False)

    async def _finished_undisturbed(self, task: asyncio.Future[T], reply_id: UUID) -> bool:
        disturbed = asyncio.ensure_future(self._others(reply_id, present=True))
        both: set[asyncio.Future[Any]] = {task, disturbed}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return task.done()
        finally:
            disturbed.cancel()
            if not task.done():
                task.cancel()
            await asyncio.gather(task, disturbed, return_exceptions=True)

    async def _others(self, reply_id: UUID, *, present: bool) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._writing - {reply_id}) is present)

    async def _set(self, reply_id: UUID, *, writing: bool) -> None:
        (self._writing.add if writing else self._writing.discard)(reply_id)
        async with self._changed:
            self._changed.notify_all()
