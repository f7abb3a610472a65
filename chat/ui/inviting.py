"""Other raters: a link by which they rate this conversation's replies, and how many have."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from chat.store import NotFound
from chat.store.invitation_records import Invitation
from chat.ui.desk import Desk, address_of
from chat.ui.markup import esc
from chat.ui.trouble import trouble
from chat.ui.view import View
from perm.types import PermError


@dataclass(frozen=True)
class Inviters:
    """The components."""

    with_analysis: gr.Checkbox
    invite: gr.Button
    close: gr.Button
    told: gr.HTML


def lay_out() -> Inviters:
    with gr.Accordion("Other raters", open=False, elem_id="raters"):
        gr.HTML(
            '<p class="lede">Whoever has the link reads this conversation’s messages and replies, '
            "without scores and names, and rates them. Their ratings stand beside yours under "
            "Insights.</p>",
            apply_default_css=False,
        )
        with_analysis = gr.Checkbox(
            label="They read the Analysis too, and rate resonation", elem_id="raters-analysis"
        )
        with gr.Row():
            invite = gr.Button("Make the link", size="sm", elem_id="raters-invite")
            close = gr.Button("Close the link", size="sm", elem_id="raters-close")
        told = gr.HTML(elem_id="raters-told", apply_default_css=False)
    return Inviters(with_analysis, invite, close, told)


class Inviting:
    """Its handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._session = desk, desk.session

    async def invite(self, view: View, with_analysis: bool, request: gr.Request) -> str:
        owner, place = self._desk.mine(view, request), view.scene.conversation
        if place is None:
            return "<p>Say something first: there is no reply to rate yet.</p>"
        try:
            made = await self._session.invite(owner, place.id, with_analysis=with_analysis)
        except PermError as error:
            return trouble(error)
        return invitation_note(made, address_of(request))

    async def close(self, view: View, request: gr.Request) -> str:
        owner, place = self._desk.mine(view, request), view.scene.conversation
        if place is None:
            return ""
        try:
            made = await self._session.close_invitation(owner, place.id)
        except NotFound:
            return "<p>There is no link.</p>"
        except PermError as error:
            return trouble(error)
        return invitation_note(made, address_of(request))


def invitation_note(made: Invitation, address: str) -> str:
    """The link, and what came of it. Pure."""
    raters = f"{made.raters} {'person has' if made.raters == 1 else 'people have'} rated so far."
    if made.closed:
        return f"<p>The link is closed; what was given stays. {raters}</p>"
    link = f"{address}/rate/turns/{made.token}"
    return (
        f'<p><label>The link<input class="link-box" readonly value="{esc(link)}" '
        f'onfocus="this.select()"></label></p><p>{raters}</p>'
    )
