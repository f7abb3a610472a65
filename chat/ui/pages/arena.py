"""The Arena page: put two contestants against each other, hand out a link, read the result.

Rating itself happens under /rate (`chat.ui.rating_pages`), for the owner as for everybody else.
"""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

import gradio as gr

from chat.arena.prompts_file import read_prompts
from chat.settings import ROOT
from chat.store.study_records import NewStudy, StudyKind, StudySummary
from chat.ui.arena_studies import results_panel, study_list, sure_to_delete
from chat.ui.desk import Desk, address_of, clicked, uuid_of
from chat.ui.lists import personas
from chat.ui.pages.page import Page
from chat.ui.pages.sheet import QUIET, sheet
from chat.ui.parts import html
from chat.ui.trouble import trouble
from perm.types import PermError

KINDS: Final = (
    ("A study: fixed prompts, the same for every rater", StudyKind.STUDY.value),
    ("My own: I write a message and compare", StudyKind.OWN.value),
)
LOOK_EVERY: Final = 3.0
"""Seconds between two looks while replies are being written."""

SHOW: Final = """(id) => {
  const address = new URL(window.location);
  if (id) address.searchParams.set('study', id); else address.searchParams.delete('study');
  window.history.replaceState(window.history.state, '', address);
}"""


class ArenaPage:
    """The handlers. Each asks who is asking; a study is read by its owner alone."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._arena = desk, desk.services.arena

    async def load(self, request: gr.Request) -> tuple[Any, ...]:
        """What can be chosen, the list, and the study in `?study=`."""
        models = self._arena.contestants.models()
        try:
            versions = await self._arena.contestants.prompts()
        except PermError as error:
            return (*([gr.update()] * 4), *await self._shown(request, None), trouble(error))
        prompts = [(one.title, one.prompt.hash) for one in versions]
        last = models[-1][1], prompts[0 if len(models) > 1 else -1][1]
        wanted = uuid_of(request.query_params.get("study", ""))
        return (
            gr.update(choices=models, value=models[0][1]),
            gr.update(choices=prompts, value=prompts[0][1]),
            gr.update(choices=models, value=last[0]),
            gr.update(choices=prompts, value=last[1]),
            *await self._shown(request, wanted),
            "",
        )

    async def create(  # noqa: PLR0917 - Gradio gives the fields one by one
        self,
        name: str,
        kind: str,
        a_model: str,
        a_prompt: str,
        b_model: str,
        b_prompt: str,
        lines: str,
        research: bool,
        train: bool,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        owner = self._desk.owner(request)
        try:
            own = kind == StudyKind.OWN.value
            most = self._desk.services.settings.max_message_chars
            prompts = [] if own else read_prompts(lines, most)
            contestants = self._arena.contestants
            new = NewStudy(
                name=name.strip(),
                kind=StudyKind.OWN if own else StudyKind.STUDY,
                a=await contestants.contestant(a_model, a_prompt),
                b=await contestants.contestant(b_model, b_prompt),
                research=research,
                train=train,
            )
            made = await self._arena.create(owner, new, prompts)
        except PermError as error:
            return (*([gr.update()] * 4), trouble(error))
        return (*await self._shown(request, made.id), "")

    async def act(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """A button in the list or the results."""
        owner = self._desk.owner(request)
        action, value = clicked(event)
        study_id = uuid_of(value)
        if study_id is None:
            return (*([gr.update()] * 4), "")
        try:
            if action in {"close", "reopen"}:
                await self._arena.close(owner, study_id, closed=action == "close")
            elif action == "again":
                await self._arena.try_again(owner, study_id)
            elif action == "ask-delete":
                asked = sure_to_delete(await self._arena.summary(owner, study_id))
                return (gr.update(), asked, str(study_id), gr.Timer(active=False), "")
            elif action == "delete":
                await self._arena.delete(owner, study_id)
                study_id = None
        except PermError as error:
            return (*([gr.update()] * 4), trouble(error))
        return (*await self._shown(request, study_id), "")

    async def look(self, shown: str, request: gr.Request) -> tuple[Any, ...]:
        """Again, while replies are being written."""
        return await self._shown(request, uuid_of(shown))

    async def _shown(self, request: gr.Request, study_id: UUID | None) -> tuple[Any, ...]:
        """List, results, the open study's id, and whether to look again soon."""
        owner = self._desk.owner(request)
        try:
            found = await self._arena.listed(owner)
            opened = next((one for one in found if one.study.id == study_id), None)
            results = await self._results(owner, opened, request) if opened else ""
        except PermError as error:
            return "", trouble(error), "", gr.Timer(active=False)
        pending = any(one.ready + one.failed < one.items for one in found)
        open_id = opened.study.id if opened else None
        listed = study_list(found, open_id)
        return listed, results, str(open_id or ""), gr.Timer(active=pending)

    async def _results(self, owner: str, one: StudySummary, request: gr.Request) -> str:
        study_id = one.study.id
        failed = [item.error for item in await self._arena.items(owner, study_id) if item.error]
        return results_panel(
            one,
            await self._arena.results(owner, study_id),
            await self._arena.ballots(owner, study_id),
            failed[0] if failed else "",
            address_of(request),
        )


def example_lines() -> str:
    """The examples that ship, as a study's prompts."""
    return "\n".join(
        json.dumps(
            {"persona": one.identity, "scenario": one.scenario, "message": one.opening},
            ensure_ascii=False,
        )
        for one in personas(ROOT / "assets" / "personas.json")
    )


def build(blocks: gr.Blocks, desk: Desk) -> None:
    arena = ArenaPage(desk)
    words = "Two replies to one message, without names. Who wrote which is told after the vote."
    with sheet(blocks, desk, "Arena", words):
        with gr.Accordion("Compare two", open=False, elem_id="arena-new"):
            form, create, examples = _form()
        said = html(name="arena-said", clicks=True)
        listed = html(name="studies", clicks=True)
        results = html(name="arena-results", clicks=True)
        shown = gr.Textbox(visible="hidden", elem_id="arena-shown", show_label=False)
        timer = gr.Timer(LOOK_EVERY, active=False)
    live = [listed, results, shown, timer]
    choices = [form[name] for name in ("a_model", "a_prompt", "b_model", "b_prompt")]
    blocks.load(arena.load, None, [*choices, *live, said], **QUIET)
    create.click(arena.create, list(form.values()), [*live, said], **QUIET)
    examples.click(example_lines, None, form["lines"], **QUIET)
    for part in (listed, results):
        part.click(arena.act, None, [*live, said], **QUIET)
    timer.tick(arena.look, shown, live, **QUIET)
    shown.change(None, shown, None, js=SHOW, api_visibility="private")


def _form() -> tuple[dict[str, Any], gr.Button, gr.Button]:
    """The fields by the names that `ArenaPage.create` has for them, in its order."""
    name = gr.Textbox(label="Name", max_length=120, elem_id="arena-name",
                      placeholder="What is compared? Raters do not see it.")  # fmt: skip
    kind = gr.Radio(
        list(KINDS), value=StudyKind.STUDY.value, label="What for", elem_id="arena-kind"
    )
    sides: list[gr.Dropdown] = []
    with gr.Row(elem_id="contestants"):
        for which in ("First", "Second"):
            with gr.Column(min_width=200):
                sides += [
                    gr.Dropdown(
                        [], label=f"{which} {what}", elem_id=f"arena-{which.lower()}-{what}"
                    )
                    for what in ("model", "prompt")
                ]
    lines = gr.Textbox(
        label="Prompts", lines=5, max_lines=12, elem_id="arena-lines",
        info="One JSON record a line: persona, scenario, message. For one’s own none is needed.",
        placeholder='{"persona": "a nurse", "scenario": "after a double shift", "message": "..."}',
    )  # fmt: skip
    examples = gr.Button("Use the examples that ship", size="sm", elem_id="arena-examples")
    research = gr.Checkbox(label="These replies may be used in research", elem_id="arena-research")
    train = gr.Checkbox(label="These replies may be used to train models", elem_id="arena-train")
    create = gr.Button("Begin", variant="primary", elem_id="arena-create")
    names = ("name", "kind", "a_model", "a_prompt", "b_model", "b_prompt")
    fields = dict(zip(names, (name, kind, *sides), strict=True))
    return {**fields, "lines": lines, "research": research, "train": train}, create, examples


ARENA: Final = Page(name="Arena", path="arena", build=build)
