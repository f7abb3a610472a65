"""One reply at a time in a conversation: in this process, and among all that share its store."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from chat import elsewhere
from chat.running import Running
from chat.store import Store, StoreError
from chat.store.records import Conversation

log = logging.getLogger(__name__)


class Claims:
    """Taken before a message is saved, given back when its reply is written."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._returning: dict[UUID, asyncio.Future[None]] = {}

    async def take(self, store: Store, place: Conversation) -> None:
        """Take the conversation; refuse where a reply is being written, here or elsewhere."""
        self._running.claim(place.id)
        try:
            if (returning := self._returning.get(place.id)) is not None:
                await asyncio.wait({returning})  # it must not undo this claim
            if not await store.claim(place.owner, place.id):
                raise elsewhere.answering()
        except BaseException:  # whatever it was, the conversation must not stay claimed
            self._running.release(place.id)
            raise

    async def give_back(self, store: Store, conversation_id: UUID) -> None:
        """The next message may come: here at once, elsewhere as soon as the store has it."""
        returning = asyncio.ensure_future(store.release(conversation_id))
        self._returning[conversation_id] = returning
        self._running.release(conversation_id)
        try:
            await asyncio.shield(returning)
        except StoreError as error:
            log.warning("a conversation stays claimed for a while: %s", error.fault)
        finally:
            if self._returning.get(conversation_id) is returning:
                del self._returning[conversation_id]
