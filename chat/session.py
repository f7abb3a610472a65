"""The one door to a turn: the page, the API, the commands and the tests all come through here.

A turn runs in a task of its own; the streams that are handed out only watch it. A closed tab ends a
stream, never the turn: the reply is finished, judged and saved all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any
from uuid import UUID

from chat import answering, elsewhere, safety
from chat.answering import Answer, Path, Turned
from chat.claims import Claims
from chat.conversations import Conversations
from chat.events import TurnEnded, TurnEvent
from chat.feed import Feed, Listener, watch
from chat.judge_choice import JudgeChoice
from chat.limits import Limits, Refused
from chat.running import Running, failure
from chat.serving import Serving
from chat.store import Store
from chat.store.records import (
    Consents,
    Conversation,
    ReplyStatus,
)
from chat.voice import Voice
from perm.types import Method, PermError, Perspective

Begin = Callable[[Store, Conversation], Awaitable[Path]]
Voices = Callable[[Conversation], Sequence[Voice]]


class Session(Conversations):
    """Runs turns for every owner, beside everything that `Conversations` gives."""

    def __init__(
        self, serving: Serving, kept: Store, unkept: Store, listeners: Iterable[Listener] = ()
    ) -> None:
        """`listeners` hear the events of every turn, for figures and logs."""
        super().__init__(kept, unkept)
        self.serving = serving
        self._listeners = tuple(listeners)
        self.limits = Limits(serving.settings)
        self._running = Running()
        self._claims = Claims(self._running)

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

    def candidates(
        self, owner: str, conversation_id: UUID, message: str, count: int
    ) -> AsyncIterator[TurnEvent]:
        """A new turn with `count` replies, the first chosen until one is picked (`pick_reply`)."""

        async def begin(store: Store, place: Conversation) -> Path:
            self.limits.check_candidates(count)
            earlier = await store.path(owner, place.id)
            return await self._add(store, place, earlier, message, count)

        return self._turn(
            lambda: self.find(owner, conversation_id),
            begin,
            lambda place: self.serving.voices(place.model, count),
        )

    def compare(
        self, owner: str, conversation_id: UUID, message: str, voices: Sequence[Voice]
    ) -> AsyncIterator[TurnEvent]:
        """A first turn that each of these voices answers; for the arena, which counts for itself
        what its people ask for, and asks unbidden for what a study needs.
        """

        async def begin(store: Store, place: Conversation) -> Path:
            return await self._save(store, place, [], message)

        return self._turn(lambda: self.find(owner, conversation_id), begin, lambda _: tuple(voices))

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
        by: JudgeChoice | None = None,
    ) -> AsyncIterator[TurnEvent]:
        """Judge a reply again, or for the first time, or for its reasons. Old verdicts stay.

        `by`: another judge or other prompts than the settings name.
        """
        feed = Feed(self._listeners)
        wanted = tuple(perspectives)
        try:
            store, place = await self.find_reply(owner, reply_id)
            reply = await store.reply(owner, reply_id)
            if reply.status is ReplyStatus.WRITING:
                raise Refused("This reply is being written.", "Judge it when it is complete.")
            if by is not None:
                await self._check_judge(store, by)
            path = await store.path(owner, place.id, reply.turn_id)
        except PermError as error:
            feed.fail(failure(error, saved=True), TurnEnded())
            async for event in watch([feed]):
                yield event
            return
        judging = Turned(self.serving, store, place, path, feed).judging(reply.id)
        contexts = judging.contexts(answering.output_of(reply))

        async def work() -> None:
            await judging.judge(contexts, wanted, method, by)
            await judging.reward()

        self._running.start(place.id, feed, work())
        async for event in watch([feed]):
            yield event

    async def follow(self, owner: str, conversation_id: UUID) -> AsyncIterator[TurnEvent]:
        """Join whatever runs in a conversation, from its first event on: after a reload, say."""
        store, _ = await self.find(owner, conversation_id)
        here = self._running.feeds(conversation_id)
        there = not here and await store.is_written_elsewhere(owner, conversation_id)
        events = elsewhere.follow(store, owner, conversation_id) if there else watch(here)
        async for event in events:
            yield event

    # What a person does to a running turn.

    async def stop(self, owner: str, conversation_id: UUID) -> None:
        """End the reply that is being written; what came is kept."""
        store, _ = await self.find(owner, conversation_id)
        if await store.is_written_elsewhere(owner, conversation_id):
            raise elsewhere.cannot_stop()
        self._running.stop(conversation_id)

    async def is_running(self, owner: str, conversation_id: UUID) -> bool:
        """Whether a reply is being written or judged in this conversation."""
        store, _ = await self.find(owner, conversation_id)
        here = bool(self._running.feeds(conversation_id))
        return here or await store.is_written_elsewhere(owner, conversation_id)

    async def is_writing(self, owner: str, conversation_id: UUID) -> bool:
        """Whether a reply is being written in this conversation; judging may outlast it."""
        store, _ = await self.find(owner, conversation_id)
        here = self._running.is_writing(conversation_id)
        return here or await store.is_written_elsewhere(owner, conversation_id)

    async def close(self, patience: float = 5.0) -> None:
        """End every reply as interrupted; wait up to `patience` seconds until all is saved."""
        await self._running.close(patience)

    async def _check_judge(self, store: Store, by: JudgeChoice) -> None:
        """That such a judge and such prompts are there; the prompts are kept by their hashes."""
        self.serving.judges.engine(by.judge)
        prompts = await self.serving.judges.rubrics(by.prompts)
        for perspective, rubric in prompts.judges.items():
            await store.save_prompt(rubric.hash, perspective.value, rubric.text)

    # How a turn is run.

    async def _turn(
        self,
        find: Callable[[], Awaitable[tuple[Store, Conversation]]],
        begin: Begin,
        voices: Voices | None = None,
    ) -> AsyncIterator[TurnEvent]:
        """Save, then start the work, then watch it. Whoever leaves meanwhile ends nothing."""
        feed = Feed(self._listeners)
        try:
            await asyncio.shield(self._launch(find, begin, feed, voices))
        except PermError as error:
            feed.fail(failure(error, saved=False), TurnEnded())
        async for event in watch([feed]):
            yield event

    async def _launch(
        self,
        find: Callable[[], Awaitable[tuple[Store, Conversation]]],
        begin: Begin,
        feed: Feed,
        voices: Voices | None,
    ) -> None:
        store, place = await find()
        await self._claims.take(store, place)
        try:
            path = await begin(store, place)
            who = voices(place) if voices else self.serving.voices(place.model)
            work = await self._prepare(store, place, path, feed, who)
        except BaseException:  # whatever it was, the conversation must not stay claimed
            await self._claims.give_back(store, place.id)
            raise
        self._running.start(place.id, feed, work)

    async def _add(
        self, store: Store, place: Conversation, earlier: Path, message: str, replies: int = 1
    ) -> Path:
        self.limits.check_message(message)
        self.limits.check_turns(len(earlier) + 1)
        self.limits.count_turn(place.owner, replies)
        return await self._save(store, place, earlier, message)

    async def _save(self, store: Store, place: Conversation, earlier: Path, message: str) -> Path:
        said = message if earlier else safety.opening(message, place.scenario, place.persona)
        crisis = await asyncio.to_thread(safety.check, said)
        before = earlier[-1].chosen if earlier else None
        parent = before.id if before else None
        kind = crisis.kind.value if crisis else None
        turn = await store.add_turn(place.owner, place.id, message, parent, kind)
        return [*earlier, turn]

    async def _prepare(
        self,
        store: Store,
        place: Conversation,
        path: Path,
        feed: Feed,
        voices: Sequence[Voice],
    ) -> Coroutine[Any, Any, None]:
        """Save a row for each voice's reply, and give the work that fills them."""
        at = Turned(self.serving, store, place, path, feed)
        begun = [
            await answering.begin(at, voice, chosen=number == 0)
            for number, voice in enumerate(voices)
        ]
        self._running.writes(place.id, [one.writing for one in begun])
        seats = asyncio.Semaphore(1)
        judging: list[asyncio.Task[None]] = []

        async def write(one: Answer) -> None:
            async with seats:
                written = await one.write()
            judging.append(asyncio.create_task(one.judge(written)))

        async def work() -> None:
            widening = asyncio.create_task(self.serving.widen(seats))
            try:
                await asyncio.gather(*map(write, begun))
            finally:
                widening.cancel()
                await self._claims.give_back(store, place.id)
            await asyncio.gather(*judging)

        return work()
