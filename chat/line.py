"""Who goes first where supporter and judge share a model: chat always before judging."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

from chat.seats import Rank, Seats

T = TypeVar("T")

NOBODY: Final = UUID(int=0)

PATIENCE: Final = 3
"""How often one judge call is put back before it may stay: on a busy day every turn is scored."""

JUDGE_CALLS: Final = 4
"""How many judge calls may run at once where nothing else is known: one a perspective."""

Condition = Callable[[], bool]


class Line:
    """Orders the calls to one engine.

    A judge call waits while the reply to *another* turn is being written, and where `gives_way()`
    is true (one engine for both that cannot do both at once) a running one is ended and begun
    again later. Judging the reply that is being written goes on beside it: that is how resonation
    is known early.
    Where it is false, engines answer chat and judge side by side, and nothing waits here but for
    one of the `judge_calls()` seats: those first whose reply is still being written, reasons last.
    """

    def __init__(
        self, gives_way: Condition, judge_calls: Callable[[], int] = lambda: JUDGE_CALLS
    ) -> None:
        """`judge_calls`: how many judge calls may run at once, asked anew each time."""
        self._gives_way = gives_way
        self._seats = Seats(lambda: 0 if self._opening else max(1, judge_calls()))
        self._writing: set[UUID] = set()
        self._judging: Counter[UUID] = Counter()  # judge calls that wait or run
        self._opening: asyncio.Future[Any] | None = None
        self._used = False
        self._changed = asyncio.Event()

    @property
    def writing(self) -> int:
        """How many replies are being written or about to be."""
        return len(self._writing)

    @property
    def judging_due(self) -> int:
        """How many judge calls of turns wait or run."""
        return self._judging.total()

    @property
    def seated(self) -> int:
        """How many judge calls run now, whatever they are for."""
        return self._seats.taken

    @property
    def used(self) -> bool:
        """Whether anybody's words have gone to the engine yet, or are about to."""
        return self._used

    @asynccontextmanager
    async def chatting(self, reply_id: UUID) -> AsyncIterator[None]:
        """Hold while the reply is asked for and written."""
        self._used = True
        self._writing.add(reply_id)
        self._tell()
        try:
            if self._opening is not None:
                await asyncio.wait({self._opening})
            yield
        finally:
            self._writing.discard(reply_id)
            self._tell()

    async def judging(
        self, reply_id: UUID, call: Callable[[], Awaitable[T]], *, reasons: bool = False
    ) -> T:
        """Run one judge call when it is its turn; `call` may be begun more than once.

        `reasons`: the scores are known already, so that this may come after other replies' scores.
        """
        rank = Rank.REASON if reasons else Rank.SCORE
        if reply_id in self._writing:
            rank = Rank.EARLY
        with self._counted(reply_id):
            return await self._in_turn(
                lambda: bool(self._writing - {reply_id}), call, PATIENCE, rank
            )

    async def in_passing(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """Run a call that is worth something at once or not at all: None where it would wait."""
        if self._gives_way() or not self._seats.free:
            return None
        async with self._seats.seat(Rank.EARLY):
            return await call()

    async def opening(self, call: Callable[[], Awaitable[T]]) -> T:
        """Have the supporter's prompt read. Whatever comes meanwhile waits for it.

        A message's own prompt begins with the same words: beside this call it would read them once
        more.
        """
        await self._until(lambda: not self._writing)
        self._opening = task = asyncio.ensure_future(call())
        try:
            return await task
        finally:
            task.cancel()
            self._opening = None
            self._seats.hand_out()
            self._tell()

    async def warming(self, call: Callable[[], Awaitable[T]]) -> T:
        """Have a judge's prompt read; gives way to chat, and to judging, which reads it as well."""
        return await self._in_turn(
            lambda: bool(self._writing or self._judging), call, None, Rank.WARMING
        )

    async def _in_turn(
        self,
        others: Condition,
        call: Callable[[], Awaitable[T]],
        patience: int | None,
        rank: Rank,
    ) -> T:
        """The call's result, once it ran undisturbed by `others`, or was put back too often."""
        put_back = 0
        while self._gives_way() and (patience is None or put_back < patience):
            await self._until(lambda: not others())
            async with self._seats.seat(rank):
                if others():  # they came while a seat was waited for: nothing was begun
                    continue
                task = asyncio.ensure_future(call())
                if await self._finished_before(others, task):
                    return task.result()
            put_back += 1
        async with self._seats.seat(rank):
            return await call()

    async def idle(self) -> None:
        """Wait until nobody is being answered: for replies that no one waits for."""
        await self._until(lambda: not self._writing)

    async def _finished_before(self, others: Condition, task: asyncio.Future[T]) -> bool:
        disturbed = asyncio.ensure_future(self._until(others))
        both: set[asyncio.Future[Any]] = {task, disturbed}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return task.done()
        finally:
            disturbed.cancel()
            if not task.done():
                task.cancel()
            await asyncio.gather(task, disturbed, return_exceptions=True)

    @contextmanager
    def _counted(self, reply_id: UUID) -> Iterator[None]:
        self._used = True
        self._judging[reply_id] += 1
        self._tell()
        try:
            yield
        finally:
            self._judging -= Counter({reply_id: 1})  # drops what has become 0
            self._tell()

    def _tell(self) -> None:
        """Have everybody who waits look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _until(self, holds: Condition) -> None:
        while not holds():
            await self._changed.wait()
