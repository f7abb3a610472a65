"""The Export page: what was talked about with consent, as data for the next model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import gradio as gr

from chat.downloads import ADDRESS, Downloads, can_redact, order_of
from chat.export import FileType, Format
from chat.ui.counts import Counts, SoFar
from chat.ui.desk import Desk
from chat.ui.export_preview import about, counting, earlier, preview
from chat.ui.pages.page import Page
from chat.ui.pages.sheet import QUIET, sheet
from chat.ui.parts import html
from chat.ui.trouble import trouble
from perm.types import PermError

FORMATS: Final = [
    ("GRPO prompts", Format.GRPO.value),
    ("Preferences", Format.PREFERENCE.value),
    ("Thumbs", Format.UNPAIRED.value),
    ("Replies to imitate", Format.SFT.value),
    ("Reward model", Format.REWARD.value),
    ("Scores", Format.SCORES.value),
]
PURPOSES: Final = [("Training", "train"), ("Research", "research")]
FILES: Final = [("JSON lines", "jsonl"), ("Parquet", "parquet"), ("CSV", "csv")]
PAIRS: Final = {Format.PREFERENCE, Format.REWARD}
UNSAID: Final = (None, "")
EVERYBODYS: Final = "Everybody’s conversations, as far as they agreed"
REDACT: Final = "Redact what has a form of its own"
REDACTS: Final = (
    "Mail addresses, telephone and card numbers and the like. Names and places are not found."
    if can_redact()
    else "Needs the extra: pip install 'perm-chat[redact]'."
)
WORDED: Final = {Format.PREFERENCE, Format.REWARD, Format.UNPAIRED, Format.SFT}


class Export:
    """The handlers. Each asks who asks; what they count is that owner's alone."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._downloads = Downloads(desk.services)
        self._counts = Counts()

    async def show(  # noqa: PLR0917 - Gradio gives a form's values one by one
        self,
        name: str,
        purpose: str,
        file_type: str,
        analysis: bool,
        redact: bool,
        test_percent: float,
        margin: float | None,
        least: float | None,
        since: str | None,  # Gradio gives None for an empty box
        until: str | None,
        everybody: bool,
        request: gr.Request,
    ) -> AsyncIterator[tuple[Any, Any]]:
        """The preview and the earlier exports, for what the form says; meanwhile, how far it is."""
        owner = self._desk.owner(request)
        everybody = everybody and self._desk.administers(request)
        whose = None if everybody else owner
        wishes = {
            "format": name,
            "purpose": purpose,
            "file_type": file_type,
            "analysis": analysis,
            "redact": redact,
            "test_share": test_percent / 100,
            "margin": margin,
            "min_reward": least if name == Format.SFT else None,
            "since": (since or "").strip(),
            "until": (until or "").strip(),
        }
        try:
            order = order_of(**{key: value for key, value in wishes.items() if value not in UNSAID})
            work = partial(self._downloads.preview, owner, order, everybody=everybody)
            async for found in self._counts.run(f"{owner} {request.session_hash}", work):
                if isinstance(found, SoFar):
                    yield counting(*found), gr.update()
                else:
                    shown = preview(found, ADDRESS, everybody=everybody)
                    yield shown, await self._earlier(whose)
        except PermError as error:
            yield trouble(error), await self._earlier(whose)

    async def may(self, request: gr.Request) -> dict[str, Any]:
        """Everybody's conversations are offered to administrators alone."""
        update: dict[str, Any] = gr.update(visible=self._desk.administers(request))
        return update

    async def _earlier(self, owner: str | None) -> str:
        try:
            found = await self._desk.services.store.exports(owner)
        except PermError as error:
            return trouble(error)
        return earlier(found, datetime.now(UTC))


def fit(name: str, file_type: str) -> tuple[Any, ...]:
    """What belongs to a format: its words, the types of file, and the filters it has."""
    chosen = Format(name)
    types = [one for one in FILES if chosen is Format.SCORES or one[1] != FileType.CSV]
    kept = file_type if file_type in dict(types).values() else FileType.JSONL.value
    return (
        about(chosen),
        gr.update(choices=types, value=kept),
        gr.update(visible=chosen in WORDED),
        gr.update(visible=chosen in PAIRS),
        gr.update(visible=chosen is Format.SFT),
    )


def build(blocks: gr.Blocks, desk: Desk) -> None:
    export = Export(desk)
    words = "What was talked about here with consent, as data for the next model."
    with (
        sheet(blocks, desk, "Export", words),
        gr.Row(elem_id="export"),
    ):
        with gr.Column(elem_id="export-form"):
            name = gr.Radio(FORMATS, value=Format.PREFERENCE.value, label="Format")
            said = html(about(Format.PREFERENCE), name="export-about")
            purpose = gr.Radio(PURPOSES, value="train", label="What it is for")
            file_type = gr.Radio(FILES[:2], value=FileType.JSONL.value, label="Files")
            analysis = gr.Checkbox(True, label="With the Analysis")
            redact = gr.Checkbox(False, label=REDACT, interactive=can_redact(), info=REDACTS)
            everybody = gr.Checkbox(False, label=EVERYBODYS, visible=False, elem_id="everybody")
            with gr.Accordion("More", open=False):
                share = gr.Slider(0, 50, 10, step=5, label="Conversations in the test split, %")
                margin = gr.Number(0.1, minimum=0.01, step=0.05, label="Gap between two rewards")
                least = gr.Number(None, label="Least reward", visible=False)
                since = gr.Textbox(label="From the day", placeholder="2026-01-31", max_length=10)
                until = gr.Textbox(label="To the day", placeholder="2026-12-31", max_length=10)
        with gr.Column(elem_id="export-shown"):
            counted, before = html(name="export-preview"), html(name="export-earlier")
    form: list[Any] = [
        name,
        purpose,
        file_type,
        analysis,
        redact,
        share,
        margin,
        least,
        since,
        until,
        everybody,
    ]
    shown = [counted, before]
    blocks.load(export.may, None, everybody, **QUIET)
    blocks.load(export.show, form, shown, **QUIET)
    fitted = name.input(fit, [name, file_type], [said, file_type, analysis, margin, least], **QUIET)
    fitted.then(export.show, form, shown, trigger_mode="multiple", **QUIET)
    for field in form[1:]:
        changed = field.blur if isinstance(field, gr.Textbox) else field.input
        if isinstance(field, gr.Slider):
            changed = field.release
        changed(export.show, form, shown, trigger_mode="multiple", **QUIET)


EXPORT: Final = Page(name="Export", path="export", build=build)
