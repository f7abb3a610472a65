"""Handlers of the conversation: send, watch, stop, and the buttons around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from chat.events import TurnEvent, TurnFailed
from chat.store.records import Consents
from chat.ui.actions import Actions
from chat.ui.desk import Desk, clicked
from chat.ui.view import View, failed
from chat.ui.wire import sent
from perm.types import PermError, Value


class Beginning(Value):
    """What a new conversation begins with."""

    persona: str
    scenario: str
    consents: Consents
    model: str


class Talking:
    def __init__(self, desk: Desk, chat: gr.Chatbot) -> None:
        self._desk, self._session, self._chat = desk, desk.session, chat
        self._actions = Actions(desk.session, desk.services.settings.helplines_file)

    async def watch(self, view: View, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        """Frames while anything runs in the open conversation, as they are sent."""
        self._desk.mine(view, request)
        async for _ in view.watch(self._session):
            yield sent(self._desk.live(view), self._chat)

    async def send(  # noqa: PLR0917 - Gradio gives the fields one by one
        self,
        view: View,
        message: str,
        persona: str,
        scenario: str,
        keep: bool,
        research: bool,
        train: bool,
        model: str,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """Save the message and start its turn; the box is emptied once the message is saved."""
        self._desk.mine(view, request)
        left = message
        if message.strip() and not await self._busy(view):
            consents = Consents(keep=keep, research=keep and research, train=keep and train)
            beginning = Beginning(
                persona=persona, scenario=scenario, consents=consents, model=model
            )
            left = await self._send(view, message, beginning)
        return (left, *await self._desk.side(view), view.ticket, *self._desk.engines())

    async def stop(self, view: View, request: gr.Request) -> None:
        owner, place = self._desk.mine(view, request), view.scene.conversation
        if place:
            await self._desk.guard(view, self._session.stop(owner, place.id))

    async def act(self, view: View, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """A button of the page's own HTML: choose, retry, edit, judge, dismiss."""
        self._desk.mine(view, request)
        box = await self._desk.guard(view, self._actions.do(view, *clicked(event)))
        return (*self._desk.live(view), view.ticket, gr.update() if box is None else box)

    async def _busy(self, view: View) -> bool:
        place = view.scene.conversation
        if place is None:
            return False
        writing = await self._desk.guard(view, self._session.is_writing(view.owner, place.id))
        if writing:
            gr.Info("The answer is still being written. Your words stay in the box.")
        return bool(writing)

    async def _send(self, view: View, message: str, beginning: Beginning) -> str:
        """Start the turn; gives what stays in the box."""
        started: TurnEvent
        try:
            if view.scene.conversation is None:
                place = await self._session.begin(
                    view.owner,
                    beginning.persona,
                    beginning.scenario,
                    beginning.consents,
                    beginning.model,
                )
                view.show(conversation=place)
            started = await self._actions.start(view, message)
        except PermError as error:
            started = failed(error, saved=False)
        if isinstance(started, TurnFailed) and not started.saved:
            await self._nothing_begun(view)
            view.show(failure=started)
            return message
        return ""

    async def _nothing_begun(self, view: View) -> None:
        """A conversation whose first message was not taken leaves nothing behind."""
        place = view.scene.conversation
        if place is not None and not view.scene.turns:
            await self._desk.guard(view, self._session.delete(view.owner, place.id))
            await view.open(self._session, None)
