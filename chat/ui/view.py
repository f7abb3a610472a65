"""One open page on the server's side: which conversation it shows, and what it is watching.

It lives in Gradio's State, one a tab. It holds no rights: every method asks the session as the
owner it was given, and `claim` empties it when another owner comes with the same session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

from chat.events import TurnEnded, TurnEvent, TurnFailed, TurnSaved
from chat.store.records import Conversation, Feedback, Reply, Turn
from chat.ui.scene import Scene, after
from chat.ui.veil import veiled
from perm.types import PermError, RewardSettings

FRAME_SECONDS: Final = 1 / 12
"""A frame costs with the history it carries (UI.md, fact 5); the eye asks for no more than this."""


class Watched(Protocol):
    """What a view needs of `chat.session.Session`."""

    async def conversation(self, owner: str, conversation_id: UUID) -> Conversation: ...
    async def path(self, owner: str, conversation_id: UUID) -> list[Turn]: ...
    async def siblings(self, owner: str, turn_id: UUID) -> list[UUID]: ...
    async def is_running(self, owner: str, conversation_id: UUID) -> bool: ...
    def follow(self, owner: str, conversation_id: UUID) -> AsyncIterator[TurnEvent]: ...


class View:
    """Only one watcher runs for a page, and it alone writes the page's live parts.

    Two generators that wrote the same components would overwrite each other: Gradio repeats a
    generator's last frame when it ends.
    """

    def __init__(self) -> None:
        self.owner = ""
        self.country = ""  # where this page's person is, as far as is known: for helplines alone
        self.tried: RewardSettings | None = None  # in the reward laboratory
        self.veil = False  # hide the judge of a reply until it is rated
        self.scene = Scene()
        self._watcher: object | None = None
        self._ticket = 0
        self._inbox: asyncio.Queue[TurnEvent | None] = asyncio.Queue()
        self._streams: set[asyncio.Task[None]] = set()

    def __deepcopy__(self, memo: object) -> View:
        return View()  # Gradio copies a State's first value for each page

    def claim(self, owner: str) -> None:
        """Bind the page to an owner; a page that was another's starts empty."""
        if owner != self.owner:
            self._leave()
            self.owner, self.country, self.tried = owner, "", None

    async def open(self, session: Watched, conversation_id: UUID | None) -> None:
        """Show another conversation (or an empty page), and join what runs in it.

        Raises `NotFound` for one that is missing or another's; the page then stays as it was.
        """
        scene = Scene()
        if conversation_id is not None:
            saved = await _saved(session, self.owner, conversation_id)
            scene = Scene().model_copy(update=saved)
        self._leave()
        self.scene = scene
        if conversation_id is not None and await session.is_running(self.owner, conversation_id):
            self.join(session.follow(self.owner, conversation_id))
        self.wake()

    async def reread(self, session: Watched) -> None:
        """Take the open conversation from the store again."""
        await self._refresh(session)
        self.wake()

    def join(self, stream: AsyncIterator[TurnEvent]) -> asyncio.Future[TurnEvent]:
        """Watch a stream beside those already watched.

        The future gives its first `TurnSaved`, `TurnFailed` or `TurnEnded`, whichever comes first.
        """
        begun: asyncio.Future[TurnEvent] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._pump(stream, self._inbox, begun))
        self._streams.add(task)
        task.add_done_callback(lambda _: _settle(begun, TurnEnded()))
        return begun

    def wake(self) -> None:
        """Have the watcher, if there is one, draw the scene once more."""
        if self.watching:
            self._inbox.put_nowait(None)

    def rated(self, feedback: Feedback) -> None:
        """Note feedback that was saved just now."""

        def noted(reply: Reply) -> Reply:
            given = {"feedback": feedback}
            return reply.model_copy(update=given) if reply.id == feedback.reply_id else reply

        turns = tuple(
            turn.model_copy(update={"replies": tuple(map(noted, turn.replies))})
            for turn in self.scene.turns
        )
        self.scene = self.scene.model_copy(update={"turns": turns})

    @property
    def watching(self) -> bool:
        return self._watcher is not None

    @property
    def shown(self) -> Scene:
        """The scene as this page may show it: what a rater has not earned is left out."""
        return veiled(self.scene) if self.veil else self.scene

    def redrawn(self) -> str:
        """The ticket after a change that no stream tells of: a new one where nobody watches."""
        self.wake()
        return self.ticket

    @property
    def ticket(self) -> str:
        """Changes whenever a new watcher is needed: the page starts one when it does."""
        if not self.watching:
            self._ticket += 1
        return str(self._ticket)

    def show(self, **changes: object) -> None:
        """Change what the page alone decides: the turn that is looked at, the edit, the notice."""
        self.scene = self.scene.model_copy(update=changes)
        self.wake()

    async def watch(self, session: Watched) -> AsyncIterator[Scene]:
        """Scenes as things happen, the present one first, until nothing runs any more."""
        me = self._watcher = object()
        try:
            self._rest_if_idle()
            yield self.scene
            while self._watcher is me:
                inbox = self._inbox
                batch = await _batch(inbox)
                begun = _now()
                if inbox is self._inbox:  # else another conversation was opened meanwhile
                    await self._take(session, batch)
                self._rest_if_idle()
                yield self.scene
                await asyncio.sleep(pause_after(_now() - begun))
        finally:
            if self._watcher is me:
                self._watcher = None

    def _rest_if_idle(self) -> None:
        """From here on a new stream needs a new watcher."""
        if not self._streams and self._inbox.empty():
            self._watcher = None

    async def _take(self, session: Watched, batch: list[TurnEvent | None]) -> None:
        now = datetime.now(UTC)
        for event in batch:
            if event is not None:
                self.scene = after(self.scene, event, now)
        if not any(isinstance(event, TurnEnded) for event in batch):
            return
        if not self._streams:
            self.scene = self.scene.model_copy(
                update={"judging": {}, "so_far": {}, "writing": None, "beside": ()}
            )
        if self.scene.writing is None:
            try:
                await self._refresh(session)
            except PermError as error:
                self.scene = after(self.scene, failed(error), now)

    async def _refresh(self, session: Watched) -> None:
        """Take from the store what is saved there, and nothing else: what a person did on the page
        while it was read, such as beginning an edit or opening another conversation, stays.
        """
        place = self.scene.conversation
        if place is None:
            return
        saved = await _saved(session, self.owner, place.id)
        now = self.scene.conversation
        if now is not None and now.id == place.id:
            self.scene = self.scene.model_copy(update=saved)

    async def _pump(
        self,
        stream: AsyncIterator[TurnEvent],
        inbox: asyncio.Queue[TurnEvent | None],
        begun: asyncio.Future[TurnEvent],
    ) -> None:
        try:
            async for event in stream:
                if isinstance(event, TurnEnded):
                    break
                inbox.put_nowait(event)
                if isinstance(event, TurnSaved | TurnFailed):
                    _settle(begun, event)
        except PermError as error:
            inbox.put_nowait(failed(error))
        finally:
            me = asyncio.current_task()
            if me is not None:
                self._streams.discard(me)
            inbox.put_nowait(TurnEnded())

    def _leave(self) -> None:
        """Stop looking; what runs goes on without this page."""
        for task in self._streams:
            task.cancel()
        self._streams.clear()
        old, self._inbox = self._inbox, asyncio.Queue()
        old.put_nowait(None)  # a watcher that waits there finds the new inbox
        self.scene = Scene()


def failed(error: PermError, *, saved: bool = True) -> TurnFailed:
    """An error for people as the event that shows it in its place."""
    return TurnFailed(part=error.part, what=error.what, todo=error.todo, saved=saved)


def pause_after(took: float) -> float:
    """Seconds until the next frame may be drawn, when the last one took so many to be sent.

    What comes after a pause is drawn at once; what comes quickly is drawn every `FRAME_SECONDS`. A
    busy server takes longer for a frame and is then asked for fewer, so that none queues up.
    """
    return max(took, FRAME_SECONDS - took)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _settle(future: asyncio.Future[TurnEvent], event: TurnEvent) -> None:
    if not future.done():
        future.set_result(event)


async def _batch(inbox: asyncio.Queue[TurnEvent | None]) -> list[TurnEvent | None]:
    """Everything that lies there, waiting for the first; never empty."""
    batch = [await inbox.get()]
    while not inbox.empty():
        batch.append(inbox.get_nowait())
    return batch


async def _saved(session: Watched, owner: str, conversation_id: UUID) -> Mapping[str, object]:
    """What a scene says of a conversation, as it is saved: fields of `Scene`."""
    conversation = await session.conversation(owner, conversation_id)
    turns = tuple(await session.path(owner, conversation.id))
    versions: dict[UUID, tuple[UUID, ...]] = {}
    for turn in turns:
        siblings = tuple(await session.siblings(owner, turn.id))
        if len(siblings) > 1:
            versions[turn.id] = siblings
    return {"conversation": conversation, "turns": turns, "versions": versions}
