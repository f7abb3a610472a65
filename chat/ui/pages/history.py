"""The History page: what was said before, found again, opened, compared, judged again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple
from uuid import UUID

import gradio as gr

from chat.events import TurnFailed
from chat.judge_choice import JudgeChoice
from chat.store.found import Remarks
from chat.store.records import Conversation, Reply, Turn
from chat.ui import history_detail as detail
from chat.ui import judge_again, laboratory
from chat.ui.desk import Desk, clicked, uuid_of
from chat.ui.history_list import results, search_form
from chat.ui.history_query import PATH, Asked, asked
from chat.ui.judge_again import choice, offered
from chat.ui.pages.page import Page
from chat.ui.pages.sheet import QUIET, sheet
from chat.ui.parts import html
from chat.ui.trouble import trouble
from perm.types import Method, PermError

GO: Final = "(address) => { if (address) window.location.assign(address); }"


OPENED: Final = "() => { const at = document.querySelector('#history .opened'); " + (
    "if (at) requestAnimationFrame(() => at.scrollIntoView({ block: 'start' })); }"
)
"""An address of a turn or a reply leads to it."""


class Shown(NamedTuple):
    """The page's parts, in the order of `build`."""

    top: str
    body: str
    place: str = ""
    opened: str = ""  # the turn that was opened
    remarks: Any = gr.Column(visible=False)
    tags: str = ""
    note: str = ""
    again: Any = gr.Row(visible=False)
    judge: Any = None
    prompts: Any = None


class History:
    """The handlers. Each asks who is asking and takes contents from the session alone."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._session = desk, desk.session
        self._judges = desk.session.serving.judges

    async def load(self, request: gr.Request) -> Shown:
        """What the address asks for."""
        owner = self._desk.owner(request)
        try:
            return await self._shown(owner, asked(dict(request.query_params)))
        except PermError as error:
            back = f'<p class="back"><a href="{PATH}">‹ All of History</a></p>'
            return Shown(top=back, body=trouble(error))

    async def act(
        self, judge: str | None, prompts: str | None, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """A button. Answers with what to say, the body if it changed, and where to go."""
        owner = self._desk.owner(request)
        action, value = clicked(event)
        found = uuid_of(value)
        if found is None:
            return
        try:
            if action == "delete":
                await self._session.stop(owner, found)
                await self._session.delete(owner, found)
                yield "", gr.update(), PATH
            elif action == "go-on":
                place = await self._session.go_on_from(owner, found)
                yield "", gr.update(), f"/?c={place}"
            elif action.startswith("judge-"):
                yield '<p role="status">Judging…</p>', gr.update(), ""
                method = Method(action.removeprefix("judge-"))
                said = await self._judge(owner, found, method, choice(judge, prompts))
                yield said, (await self._opened(owner, found)).body, ""
        except PermError as error:
            yield trouble(error), gr.update(), ""

    async def remark(
        self, place: str, tags: str, note: str, request: gr.Request
    ) -> tuple[Any, Any, str]:
        """Tags and note, saved as soon as one leaves their field."""
        owner, found = self._desk.owner(request), uuid_of(place)
        if found is None:
            return gr.update(), gr.update(), ""
        given = Remarks(tags=tuple(tags.split(",")), note=note)
        try:
            kept = await self._session.save_remarks(owner, found, given)
        except PermError as error:
            return gr.update(), gr.update(), trouble(error)
        return ", ".join(kept.tags), kept.note, '<p role="status">Saved.</p>'

    async def _judge(self, owner: str, reply_id: UUID, method: Method, by: JudgeChoice) -> str:
        """Old verdicts stay. What went wrong, in words; empty where nothing did."""
        said = ""
        async for event in self._session.judge(owner, reply_id, method=method, by=by):
            if isinstance(event, TurnFailed):
                error = PermError(event.what, event.todo)
                error.part = event.part
                said = trouble(error)
        return said or '<p role="status">Judged again. The old verdicts stay.</p>'

    async def _shown(self, owner: str, wanted: Asked) -> Shown:
        if wanted.reply and wanted.other:
            pair = [await self._reply(owner, one) for one in (wanted.reply, wanted.other)]
            return Shown(top="", body=detail.beside(pair, await self._judges.titles()))
        if wanted.conversation and wanted.other:
            ids = (wanted.conversation, wanted.other)
            talks = [
                (
                    await self._session.conversation(owner, one),
                    await self._session.path(owner, one),
                )
                for one in ids
            ]
            return Shown(top="", body=detail.talks_beside(talks))
        if wanted.reply:
            return await self._opened(owner, wanted.reply)
        if wanted.turn:
            place, turns = await self._session.path_to(owner, wanted.turn)
            return await self._talk(place, turns, wanted.turn)
        if wanted.conversation:
            place = await self._session.conversation(owner, wanted.conversation)
            return await self._talk(place, await self._session.path(owner, place.id), None)
        found = await self._session.search(owner, wanted.filters, wanted.after)
        choices = await self._session.choices(owner)
        return Shown(
            top=search_form(wanted.filters, choices, wanted.held),
            body=results(found, wanted.filters, wanted.held, wanted.after is None),
        )

    async def _reply(self, owner: str, reply_id: UUID) -> tuple[Conversation, Turn, Reply]:
        reply = await self._session.reply(owner, reply_id)
        place, turns = await self._session.path_to(owner, reply.turn_id)
        return place, turns[-1], reply

    async def _opened(self, owner: str, reply_id: UUID) -> Shown:
        reply = await self._session.reply(owner, reply_id)
        place, turns = await self._session.path_to(owner, reply.turn_id)
        return await self._talk(place, turns, reply_id)

    async def _talk(self, place: Conversation, turns: list[Turn], opened: UUID | None) -> Shown:
        remarks = await self._session.remarks(place.owner, place.id)
        names = await self._judges.titles()
        again, judge, prompts = await offered(self._judges)
        return Shown(
            top=detail.about(place),
            body=detail.conversation(turns, opened, names),
            place=str(place.id),
            opened=str(turns[-1].id) if opened and turns else "",
            remarks=gr.Column(visible=True),
            tags=", ".join(remarks.tags),
            note=remarks.note,
            again=again,
            judge=judge,
            prompts=prompts,
        )


def build(blocks: gr.Blocks, desk: Desk) -> None:
    history = History(desk)
    with sheet(blocks, desk, "History", "Every reply, with what it was scored and why."):
        go, place, opened = (
            gr.Textbox(visible="hidden", elem_id=name, show_label=False)
            for name in ("history-go", "history-place", "history-opened")
        )
        top = html(name="history-top", clicks=True)
        with gr.Column(visible=False, elem_id="remarks") as remarks:
            tags = gr.Textbox(
                label="Tags", placeholder="separated by commas", max_length=400, elem_id="tags"
            )
            note = gr.Textbox(label="Note", lines=2, max_length=4000, elem_id="note")
            saved = html(name="remarks-saved", speaks=True)
            lab = laboratory.lay_out(desk.services.settings.reward)
        again = judge_again.lay_out()
        said = html(name="history-said", speaks=True)
        body = html(name="history", clicks=True)
    shown = [top, body, place, opened, remarks, tags, note, *again]
    blocks.load(history.load, None, shown, **QUIET).then(None, None, None, js=OPENED, **QUIET)
    for part in (top, body):
        part.click(history.act, [again.judge, again.prompts], [said, body, go], **QUIET)
    laboratory.wire(lab, laboratory.PastLaboratory(desk), [place, opened])
    for field in (tags, note):
        field.blur(history.remark, [place, tags, note], [tags, note, saved], **QUIET)
        field.submit(history.remark, [place, tags, note], [tags, note, saved], **QUIET)
    go.change(None, go, None, js=GO, api_visibility="private")


HISTORY: Final = Page(name="History", path="history", build=build)
