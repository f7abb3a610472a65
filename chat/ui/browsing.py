"""Handlers of the sidebar and of opening: which conversation is shown, and as whom one speaks."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import gradio as gr

from chat.limits import Refused
from chat.store.records import Consents
from chat.ui.desk import Desk, clicked, uuid_of
from chat.ui.lists import Persona
from chat.ui.speaking import speaking
from chat.ui.view import View


class Browsing:
    def __init__(self, desk: Desk, examples: Sequence[Persona]) -> None:
        self._desk, self._session = desk, desk.session
        self._examples = {one.id: one for one in examples}

    async def load(self, view: View, request: gr.Request) -> tuple[Any, ...]:
        """A page was opened: the conversation in `?c=`, else the latest one."""
        owner = self._desk.mine(view, request)
        await self._desk.guard(view, self._open_first(view, owner, _wanted(request)))
        return (*await self._everything(view), *self._desk.engines())

    async def open(self, view: View, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """A conversation was chosen in the list."""
        self._desk.mine(view, request)
        _, value = clicked(event)
        await self._desk.guard(view, view.open(self._session, uuid_of(value)))
        return await self._everything(view)

    async def new(self, view: View, request: gr.Request) -> tuple[Any, ...]:
        """An empty page: nothing said, nobody chosen, nothing ticked."""
        self._desk.mine(view, request)
        await view.open(self._session, None)
        return (*await self._everything(view), *_blank())

    async def rename(self, view: View, title: str, request: gr.Request) -> tuple[Any, ...]:
        owner, place = self._desk.mine(view, request), view.scene.conversation
        if place and title.strip() and title.strip() != place.title:
            await self._desk.guard(view, self._session.rename(owner, place.id, title.strip()))
            await self._desk.guard(view, view.reread(self._session))
        return await self._desk.side(view)

    async def delete(self, view: View, request: gr.Request) -> tuple[Any, ...]:
        owner, place = self._desk.mine(view, request), view.scene.conversation
        if place:
            await self._desk.guard(view, self._delete(view, owner, place.id))
        return (*await self._everything(view), *_blank())

    async def consent(
        self, view: View, research: bool, train: bool, request: gr.Request
    ) -> tuple[Any, ...]:
        """Research and training, given or taken back for the open conversation."""
        owner, place = self._desk.mine(view, request), view.scene.conversation
        if place:
            keep = place.consents.keep
            changed = Consents(keep=keep, research=keep and research, train=keep and train)
            await self._desk.guard(view, self._session.set_consents(owner, place.id, changed))
            await self._desk.guard(view, view.reread(self._session))
        return await self._desk.side(view)

    async def example(self, chosen: str) -> tuple[Any, ...]:
        """An example's persona, scenario and opening message."""
        one = self._examples.get(chosen)
        if one is None:
            return "", "", gr.update(), speaking("", "")
        return one.identity, one.scenario, one.opening, speaking(one.identity, one.scenario)

    async def example_card(self, event: gr.EventData) -> tuple[Any, ...]:
        _, chosen = clicked(event)
        return (chosen, *await self.example(chosen))

    async def _everything(self, view: View) -> tuple[Any, ...]:
        side = await self._desk.side(view, fresh=True)
        return (*self._desk.live(view), *side, view.ticket)

    async def _open_first(self, view: View, owner: str, wanted: UUID | None) -> None:
        if wanted is None:
            latest = await self._session.latest_conversation(owner)
            wanted = latest.id if latest else None
        await view.open(self._session, wanted)

    async def _delete(self, view: View, owner: str, conversation_id: UUID) -> None:
        with contextlib.suppress(Refused):  # what another server writes ends with its rows
            await self._session.stop(owner, conversation_id)
        await self._session.delete(owner, conversation_id)
        await view.open(self._session, None)


def _wanted(request: gr.Request) -> UUID | None:
    return uuid_of(request.query_params.get("c", ""))


def _blank() -> tuple[Any, ...]:
    """Values of `wiring.beginning_parts`: example, persona, scenario, line, box, three consents."""
    empty = gr.update(value="", interactive=True)
    shut = gr.update(value=False, interactive=False)
    return empty, empty, empty, "", "", gr.update(value=False), shut, shut
