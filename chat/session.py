"""The one door to a turn: the page, the API, the commands and the tests all come through here.

A turn runs in a task of its own; the streams that are handed out only watch it. A closed tab ends a
stream, never the turn: the reply is finished, judged and saved all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from typing import Any
from uuid import UUID

from chat import safety
from chat.conversations import Conversations
from chat.events import TurnEnded, TurnEvent, TurnSaved
from chat.feed import Feed, watch
from chat.history import exchanges, messages_for
from chat.judging import Judging
from chat.limits import Limits, Refused
from chat.running import Running, failure
from chat.serving import Serving
from chat.store import Store
from chat.store.records import (
    Consents,
    Conversation,
    NewReply,
    Reply,
    ReplyStatus,
    ReplyUpdate,
    Turn,
)
from chat.writing import Writing
from perm.parsing import SupporterOutput
from perm.types import Method, PermError, Perspective

Path = list[Turn]
"""The turns from the first to the one at hand, which is the last."""

Begin = Callable[[Store, Conversation], Awaitable[Path]]

JUDGED = (ReplyStatus.COMPLETE, ReplyStatus.CUT_SHORT)
"""Replies that are judged unasked. One that was stopped or broke off is judged when asked for."""


class Session(Conversations):
    """Runs turns for every owner, beside everything that `Conversations` gives."""

    def __init__(self, serving: Serving, kept: Store, unkept: Store) -> None:
        super().__init__(kept, unkept)
        self.serving = serving
        self.limits = Limits(serving.settings)
        self._running = Running()

    async def begin(
        self,
        owner: str,
        persona: str,
        scenario: str,
        consents: Consents,
        model: str | None = None,
    ) -> Conversation:
        """A new conversation; `model`: one of those that the supporter's engine offers."""
        if model and self.serving.choice(model).name != model:
            offered = ", ".join(choice.name for choice in self.serving.supporter.models)
            raise Refused(f"There is no model {model!r} here.", f"Choose one of these: {offered}.")
        return await super().begin(owner, persona, scenario, consents, model or None)

    # Streams. A refusal or an error comes as `TurnFailed`; each ends with `TurnEnded`.

    def run_turn(self, owner: str, conversation_id: UUID, message: str) -> AsyncIterator[TurnEvent]:
        """A new turn after the chosen reply of the open one."""

        async def begin(store: Store, place: Conversation) -> Path:
            earlier = await store.path(owner, place.id)
            return await self._add(store, place, earlier, message)

        return self._turn(lambda: self.find(owner, conversation_id), begin)

    def edit(self, owner: str, turn_id: UUID, message: str) -> AsyncIterator[TurnEvent]:
        """The same place in the conversation with another message; the old turn stays."""

        async def begin(store: Store, place: Conversation) -> Path:
            path = await store.path(owner, place.id, turn_id)
            return await self._add(store, place, path[:-1], message)

        return self._turn(lambda: self.find_turn(owner, turn_id), begin)

    def retry(self, owner: str, turn_id: UUID) -> AsyncIterator[TurnEvent]:
        """Another reply to the same message; the old one stays as another reply of the turn."""

        async def begin(store: Store, place: Conversation) -> Path:
            path = await store.path(owner, place.id, turn_id)
            self.limits.count_turn(owner)
            await store.set_head(owner, place.id, turn_id)
            return path

        return self._turn(lambda: self.find_turn(owner, turn_id), begin)

    async def judge(
        self,
        owner: str,
        reply_id: UUID,
        perspectives: Iterable[Perspective] = tuple(Perspective),
        method: Method | None = None,
    ) -> AsyncIterator[TurnEvent]:
        """Judge a reply again, or for the first time, or for its reasons. Old verdicts stay."""
        feed = Feed()
        wanted = tuple(perspectives)
        try:
            store, place = await self.find_reply(owner, reply_id)
            reply = await store.reply(owner, reply_id)
            if reply.status is ReplyStatus.WRITING:
                raise Refused("This reply is being written.", "Judge it when it is complete.")
            path = await store.path(owner, place.id, reply.turn_id)
        except PermError as error:
            yield failure(error, saved=True)
            yield TurnEnded()
            return
        judging = self._judging(store, place, path, reply.id, feed)
        contexts = judging.contexts(_output(reply))

        async def work() -> None:
            await judging.judge(contexts, wanted, method)
            await judging.reward()

        self._running.start(place.id, feed, work())
        async for event in watch([feed]):
            yield event

    async def follow(self, owner: str, conversation_id: UUID) -> AsyncIterator[TurnEvent]:
        """Join whatever runs in a conversation, from its first event on: after a reload, say."""
        await self.find(owner, conversation_id)
        async for event in watch(self._running.feeds(conversation_id)):
            yield event

    # What a person does to a running turn.

    async def stop(self, owner: str, conversation_id: UUID) -> None:
        """End the reply that is being written; what came is kept."""
        await self.find(owner, conversation_id)
        self._running.stop(conversation_id)

    async def is_running(self, owner: str, conversation_id: UUID) -> bool:
        """Whether a reply is being written or judged in this conversation."""
        await self.find(owner, conversation_id)
        return bool(self._running.feeds(conversation_id))

    async def is_writing(self, owner: str, conversation_id: UUID) -> bool:
        """Whether a reply is being written in this conversation; judging may outlast it."""
        await self.find(owner, conversation_id)
        return self._running.is_writing(conversation_id)

    async def close(self, patience: float = 5.0) -> None:
        """End every reply as interrupted; wait up to `patience` seconds until all is saved."""
        await self._running.close(patience)

    # How a turn is run.

    async def _turn(
        self, find: Callable[[], Awaitable[tuple[Store, Conversation]]], begin: Begin
    ) -> AsyncIterator[TurnEvent]:
        """Save, then start the work, then watch it. Whoever leaves meanwhile ends nothing."""
        feed = Feed()
        try:
            await asyncio.shield(self._launch(find, begin, feed))
        except PermError as error:
            yield failure(error, saved=False)
            yield TurnEnded()
            return
        async for event in watch([feed]):
            yield event

    async def _launch(
        self,
        find: Callable[[], Awaitable[tuple[Store, Conversation]]],
        begin: Begin,
        feed: Feed,
    ) -> None:
        store, place = await find()
        self._running.claim(place.id)
        try:
            path = await begin(store, place)
            work = await self._prepare(store, place, path, feed)
        except BaseException:  # whatever it was, the conversation must not stay claimed
            self._running.release(place.id)
            raise
        self._running.start(place.id, feed, work)

    async def _add(self, store: Store, place: Conversation, earlier: Path, message: str) -> Path:
        self.limits.check_message(message)
        self.limits.check_turns(len(earlier) + 1)
        self.limits.count_turn(place.owner)
        crisis = await asyncio.to_thread(safety.check, message)
        before = earlier[-1].chosen if earlier else None
        parent = before.id if before else None
        kind = crisis.kind.value if crisis else None
        turn = await store.add_turn(place.owner, place.id, message, parent, kind)
        return [*earlier, turn]

    async def _prepare(
        self, store: Store, place: Conversation, path: Path, feed: Feed
    ) -> Coroutine[Any, Any, None]:
        """Save the reply's row and give the work that fills it."""
        serving, supporter = self.serving, self.serving.rubrics.supporter
        *earlier, turn = path
        budget = serving.context_tokens - serving.settings.max_tokens
        prepared = messages_for(supporter, place, earlier, turn.message, budget)
        new = NewReply(
            engine=serving.supporter.name,
            model=serving.choice(place.model).name,
            prompt_hash=supporter.hash,
            sampling=serving.sampling,
            request=({"role": "user", "content": str(prepared.messages[-1].content)},),
            turns_left_out=prepared.turns_left_out,
        )
        reply = await store.add_reply(place.owner, turn.id, new)
        feed.publish(
            TurnSaved(
                conversation_id=place.id,
                turn_id=turn.id,
                reply_id=reply.id,
                number=len(path),
                turns_left_out=prepared.turns_left_out,
                crisis=turn.crisis,
            )
        )
        judging = self._judging(store, place, path, reply.id, feed)
        early: list[asyncio.Task[None]] = []

        def judge_resonation(analysis: str) -> None:
            output = SupporterOutput(analysis=analysis, response="", formatted=True)
            work = judging.judge(judging.contexts(output), [Perspective.RESONATION])
            early.append(asyncio.create_task(work))

        async def keep(update: ReplyUpdate) -> None:
            await store.update_reply(place.owner, reply.id, update)

        writing = Writing(serving, feed, reply, keep, judge_resonation, model=place.model)
        self._running.writes(place.id, writing)

        async def work() -> None:
            try:
                written = await writing.run(prepared.messages)
            finally:
                self._running.release(place.id)
            await _judge_written(judging, written, early)

        return work()

    def _judging(
        self, store: Store, place: Conversation, path: Path, reply_id: UUID, feed: Feed
    ) -> Judging:
        settings = self.serving.settings
        room = self.serving.judge_context_tokens - min(settings.judge_max_tokens, 1024)
        past = exchanges(place, path[:-1], room - 2 * settings.max_tokens)
        return Judging(self.serving, store, feed, place, path[-1].message, past, reply_id)


async def _judge_written(
    judging: Judging, written: ReplyUpdate, early: list[asyncio.Task[None]]
) -> None:
    """Judge what is not being judged yet; a reply that broke off only as far as it was.

    The reward follows the scores at once; reasons, where there are any, come after it.
    """
    whole = written.status in JUDGED
    contexts = judging.contexts(_output(written))
    if whole:
        rest = [one for one in Perspective if not (early and one.rates_analysis)]
        await judging.judge(contexts, rest)
    await asyncio.gather(*early)
    if whole or early:
        await judging.reward()
    if whole:
        await judging.reasons(contexts)


def _output(reply: Reply | ReplyUpdate) -> SupporterOutput:
    return SupporterOutput(
        analysis=reply.analysis, response=reply.response, formatted=bool(reply.analysis)
    )
