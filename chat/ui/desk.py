"""What all handlers share: who asks, and what the page's parts are to hold.

Every handler asks who is asking (`mine`) and takes contents from the session alone: what the
browser sends are wishes, ids and text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import gradio as gr

from chat.engines.scripted import NAME as SCRIPTED
from chat.safety import Rest
from chat.services import Services
from chat.store.records import Conversation
from chat.ui import notice
from chat.ui.choosing import choices, value_of
from chat.ui.crisis_card import Whereabouts, country_of
from chat.ui.frame import Frame, frame
from chat.ui.header import Served, engines_card, header, served, settled
from chat.ui.lists import conversation_list
from chat.ui.speaking import speaking
from chat.ui.turn_panel import JudgeNote
from chat.ui.view import View, failed
from perm.types import PermError

T = TypeVar("T")
OwnerOf = Callable[[gr.Request], str]
Administers = Callable[[gr.Request], bool]


class Desk:
    """`navigation` is the HTML of the links to the other pages."""

    def __init__(
        self,
        services: Services,
        owner_of: OwnerOf,
        navigation: str = "",
        administers: Administers = lambda _: False,
    ) -> None:
        self.services, self.session = services, services.session
        self._owner_of, self._navigation = owner_of, navigation
        self.administers = administers  # whether an administrator asks

    def owner(self, request: gr.Request) -> str:
        """Who asks. For handlers of pages that hold nothing between two events."""
        return self._owner_of(request)

    def mine(self, view: View, request: gr.Request) -> str:
        """The asking owner; a page that was another's is emptied first."""
        owner = self.owner(request)
        view.claim(owner)
        view.country = view.country or country_of(request.headers.get("accept-language", ""))
        return owner

    def live(self, view: View) -> Frame:
        """Values of `wiring.live_parts`."""
        judge = self.services.judge_engine
        checked, attacked = self.services.selfcheck, self.services.attacks
        note = JudgeNote(
            model=judge.model_name,
            scripted=judge.name == SCRIPTED,
            selfcheck=checked.summary() if checked else "",
            attacks=attacked.sentence() if attacked else "",
        )
        given = self.services.settings
        where = Whereabouts(country=view.country, file=given.helplines_file)
        rest = Rest(after_turns=given.break_after_turns, after_minutes=given.break_after_minutes)
        return frame(view.shown, note, where, view.tried, rest)

    def tick(self, view: View) -> tuple[Any, ...]:
        """How the engines are now, and the models that they offer meanwhile."""
        return (*self.engines(), self._model(view.scene.conversation, False))

    def engines(self) -> tuple[Any, ...]:
        """How the engines are, and whether to look again soon."""
        found = self._served()
        return self.masthead(), engines_card(found), gr.Timer(active=not settled(found))

    def top(self) -> tuple[Any, ...]:
        """The same for a page without a sidebar."""
        return self.masthead(talking=False), gr.Timer(active=not settled(self._served()))

    def masthead(self, *, talking: bool = True) -> str:
        """What stands above every page."""
        return header(self._served(), self._navigation, talking=talking)

    def _served(self) -> tuple[Served, ...]:
        return served(self.services.supporter, self.services.judge_engine)

    async def side(self, view: View, *, fresh: bool = False) -> tuple[Any, ...]:
        """Values of `wiring.side_parts`. `fresh`: what was chosen for another one is forgotten."""
        place = view.scene.conversation
        listed = ""
        try:
            if place is not None:  # its first message has named it meanwhile
                place = await self.session.conversation(view.owner, place.id)
            found = await self.session.conversations(view.owner)
            listed = conversation_list(found, place.id if place else None, datetime.now(UTC))
        except PermError as error:
            view.show(failure=failed(error))
        return (listed, *(_of(place) if place else _of_none()), self._model(place, fresh))

    def _model(self, place: Conversation | None, fresh: bool) -> dict[str, Any]:
        """The field of the model: free for a new conversation, fixed in an open one."""
        offered = self.services.supporter.models
        chosen = place.model if place else None
        known = choices(offered, chosen)
        told = place is not None or fresh
        value: dict[str, Any] = {"value": value_of(offered, chosen)} if told else {}
        update: dict[str, Any] = gr.update(
            choices=list(known), interactive=place is None, visible=len(known) > 1, **value
        )
        return update

    async def guard(self, view: View, work: Awaitable[T]) -> T | None:
        """Await, and show an error for people in its place."""
        try:
            return await work
        except PermError as error:
            view.show(failure=failed(error))
            return None


def _of(place: Conversation) -> tuple[Any, ...]:
    kept = place.consents.keep
    return (
        str(place.id),
        gr.update(value=place.title),
        gr.update(interactive=False),
        gr.update(value=place.persona, interactive=False),
        gr.update(value=place.scenario, interactive=False),
        speaking(place.persona, place.scenario),
        notice.kept_note(kept),
        gr.update(visible=kept, value=place.consents.research),
        gr.update(visible=kept, value=place.consents.train),
    )


def _of_none() -> tuple[Any, ...]:
    free = gr.update(interactive=True)
    hidden = gr.update(visible=False, value=False)
    return "", "", free, free, free, gr.update(), "", hidden, hidden


def address_of(request: gr.Request) -> str:
    """This server as the browser named it: what a link that is handed out begins with."""
    scheme = request.request.url.scheme if request.request else "http"
    return f"{scheme}://{request.headers.get('host', '')}"


def uuid_of(text: str) -> UUID | None:
    """An id that a browser sent, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def clicked(event: gr.EventData) -> tuple[str, str]:
    """Action and value of a button in the page's own HTML."""
    data = event._data  # Gradio gives the data of a component's own event no public name
    if not isinstance(data, dict):
        return "", ""
    return str(data.get("action", "")), str(data.get("value", ""))
