"""The turns that are running: one reply being written in a conversation, any number judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import UUID

from chat.events import TurnEnded, TurnFailed
from chat.feed import Feed
from chat.limits import Refused, TooOften
from chat.logs.lines import places
from chat.store.records import ReplyStatus
from chat.writing import Writing
from perm.types import Part, PermError

log = logging.getLogger(__name__)


class Running:
    """Who writes where, which feeds are open, and the tasks behind them."""

    def __init__(self) -> None:
        self._claimed: set[UUID] = set()
        self._writing: dict[UUID, Sequence[Writing]] = {}
        self._feeds: dict[UUID, list[Feed]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def claim(self, conversation_id: UUID) -> None:
        """Reserve the conversation for one reply; refuse where one is being written."""
        if conversation_id in self._claimed:
            raise Refused("The supporter is still answering.", "Wait for it, or press Stop.")
        self._claimed.add(conversation_id)

    def writes(self, conversation_id: UUID, writing: Sequence[Writing]) -> None:
        """Note who writes in a claimed conversation: one reply, or all the candidates."""
        self._writing[conversation_id] = writing

    def release(self, conversation_id: UUID) -> None:
        """The reply is written; the next message may come, though judging may go on."""
        self._claimed.discard(conversation_id)
        self._writing.pop(conversation_id, None)

    def is_writing(self, conversation_id: UUID) -> bool:
        return conversation_id in self._claimed

    def feeds(self, conversation_id: UUID) -> list[Feed]:
        """The feeds of the conversation's turns that have not ended, oldest first."""
        return list(self._feeds.get(conversation_id, []))

    def stop(self, conversation_id: UUID) -> None:
        """End what is being written here, if anything is."""
        for writing in self._writing.get(conversation_id, ()):
            writing.end(ReplyStatus.STOPPED)

    def start(self, conversation_id: UUID, feed: Feed, work: Coroutine[Any, Any, None]) -> None:
        """Run a turn's work to its end, whoever watches."""
        feeds = self._feeds.setdefault(conversation_id, [])
        feeds.append(feed)

        async def run() -> None:
            try:
                await work
            except PermError as error:
                feed.publish(failure(error, saved=True))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end in silence
                log.error("a turn broke off:\n%s", places(error))
                feed.publish(_our_fault())
            finally:
                feed.publish(TurnEnded())
                feed.close()
                feeds.remove(feed)
                if not feeds:
                    self._feeds.pop(conversation_id, None)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, patience: float) -> None:
        """End every reply as interrupted; wait up to `patience` seconds until all is saved."""
        for writing in [one for several in self._writing.values() for one in several]:
            writing.end(ReplyStatus.INTERRUPTED)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def failure(error: PermError, *, saved: bool) -> TurnFailed:
    """An error for people as an event. `saved`: is the seeker's message in the store?"""
    wait = error.seconds if isinstance(error, TooOften) else None
    return TurnFailed(part=error.part, what=error.what, todo=error.todo, saved=saved, wait=wait)


def _our_fault() -> TurnFailed:
    return TurnFailed(
        part=Part.ENGINE,
        what="Something went wrong inside perm-chat.",
        todo="Your message is saved. Press Retry; the log says where it happened.",
        saved=True,
    )
