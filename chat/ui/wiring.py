"""Which component asks which handler, and what its answer fills."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from chat.ui import laboratory
from chat.ui.browsing import Browsing
from chat.ui.desk import Desk
from chat.ui.inviting import Inviting
from chat.ui.parts import Parts
from chat.ui.rating import Rating
from chat.ui.speaking import speaking
from chat.ui.talking import Talking

QUIET: Final[dict[str, Any]] = {"show_progress": "hidden", "api_visibility": "private"}
"""Nothing of the page is part of the API, which has its own door; nothing blinks at work."""

PAGES: Final = 400
"""How many pages may be watching at once; further ones wait in the queue."""

ADDRESS: Final = """(id) => {
  const address = new URL(window.location);
  if (id) address.searchParams.set('c', id); else address.searchParams.delete('c');
  window.history.replaceState(window.history.state, '', address);
}"""
"""Keeps the open conversation in the address, so that a reload and a bookmark find it."""


def live_parts(parts: Parts) -> list[Any]:
    """What a `Frame` fills."""
    middle, panel = parts.middle, parts.panel
    return [
        middle.chat, middle.summary, middle.earlier, middle.strip, middle.crisis,
        panel.turn, panel.laboratory.table, panel.trend, panel.analysis, parts.spoken, parts.rated,
    ]  # fmt: skip


def side_parts(parts: Parts) -> list[Any]:
    side, middle = parts.side, parts.middle
    return [
        side.conversations, parts.link, side.title, side.example, side.persona, side.scenario,
        middle.speaking, side.kept, side.research, side.train, side.model,
    ]  # fmt: skip


def beginning_parts(parts: Parts) -> list[Any]:
    """What a new conversation begins with."""
    side, middle = parts.side, parts.middle
    return [
        side.example, side.persona, side.scenario, middle.speaking, middle.box,
        middle.keep, middle.research, middle.train,
    ]  # fmt: skip


def connect(page: gr.Blocks, parts: Parts, desk: Desk, browsing: Browsing) -> None:
    live, side = live_parts(parts), side_parts(parts)
    engines = [parts.middle.header, parts.side.engines, parts.timer]
    rating = Rating(desk)
    recalled = page.load(rating.recall, [parts.view, parts.veil], parts.panel.veil, **QUIET)
    recalled.then(browsing.load, parts.view, [*live, *side, parts.ticket, *engines], **QUIET)
    parts.timer.tick(desk.tick, parts.view, [*engines, parts.side.model], **QUIET)
    parts.link.change(None, parts.link, None, js=ADDRESS, api_visibility="private")
    _talking(parts, Talking(desk, parts.middle.chat), live, [*side, parts.ticket, *engines])
    _beginning(parts, browsing)
    _sidebar(parts, browsing, [*live, *side, parts.ticket], side)
    _feedback(parts, rating)
    laboratory.wire(parts.panel.laboratory, laboratory.Laboratory(desk), [parts.view])
    _inviting(parts, Inviting(desk))


def _talking(parts: Parts, talking: Talking, live: list[Any], around: list[Any]) -> None:
    middle, box, view = parts.middle, parts.middle.box, parts.view
    parts.ticket.change(
        talking.watch, view, live,
        trigger_mode="multiple", concurrency_limit=PAGES, postprocess=False, **QUIET,
    )  # fmt: skip
    said = [box, parts.side.persona, parts.side.scenario]
    consents = [middle.keep, middle.research, middle.train]
    box.submit(talking.send, [view, *said, *consents, parts.side.model], [box, *around], **QUIET)
    box.stop(talking.stop, view, None, **QUIET)
    for part in (
        middle.strip, middle.earlier, middle.crisis, parts.panel.turn, parts.panel.trend,
    ):  # fmt: skip
        part.click(talking.act, view, [*live, parts.ticket, box], **QUIET)


def _beginning(parts: Parts, browsing: Browsing) -> None:
    middle, side = parts.middle, parts.side
    uses = [middle.research, middle.train]
    # Two steps: a value that comes together with a change of `interactive` is lost in the browser.
    untick = middle.keep.input(_only_if_kept, [middle.keep, *uses], uses, **QUIET)
    untick.then(_open_if_kept, middle.keep, uses, **QUIET)
    example = [side.persona, side.scenario, middle.box, middle.speaking]
    side.example.input(browsing.example, side.example, example, **QUIET)
    middle.examples.click(browsing.example_card, None, [side.example, *example], **QUIET)
    for field in (side.persona, side.scenario):
        field.change(speaking, [side.persona, side.scenario], middle.speaking, **QUIET)


def _only_if_kept(keep: bool, research: bool, train: bool) -> tuple[bool, bool]:
    """Only what is kept can be used; taking `keep` back takes the others back."""
    return keep and research, keep and train


def _open_if_kept(keep: bool) -> tuple[gr.Checkbox, gr.Checkbox]:
    return gr.Checkbox(interactive=keep), gr.Checkbox(interactive=keep)


def _sidebar(parts: Parts, browsing: Browsing, whole: list[Any], side: list[Any]) -> None:
    here, view = parts.side, parts.view
    fresh = [*whole, *beginning_parts(parts)]
    here.conversations.click(browsing.open, view, whole, **QUIET)
    here.new.click(browsing.new, view, fresh, **QUIET)
    here.title.submit(browsing.rename, [view, here.title], side, **QUIET)
    here.title.blur(browsing.rename, [view, here.title], side, **QUIET)
    here.delete.click(lambda: gr.Row(visible=True), None, here.sure, **QUIET)
    here.no.click(_hide, None, here.sure, **QUIET)
    here.yes.click(_hide, None, here.sure, **QUIET).then(browsing.delete, view, fresh, **QUIET)
    for box in (here.research, here.train):
        box.input(browsing.consent, [view, here.research, here.train], side, **QUIET)


def _hide() -> gr.Row:
    return gr.Row(visible=False)


def _feedback(parts: Parts, rating: Rating) -> None:
    panel, view = parts.panel, parts.view
    fields = list(panel.form)
    given, whole = [view, parts.rated, *fields], [*fields, panel.saved]
    told = [panel.saved, parts.ticket]
    parts.rated.change(rating.fill, [view, parts.rated], whole, **QUIET)
    said = []
    for field in fields:
        # Text boxes tell of keys alone, not of pasting or deleting: there page.js makes every pause
        # a blur. `change` would not do, as it also comes when the form is filled from the store.
        written = isinstance(field, gr.Textbox | gr.Number)
        said.append(field.blur if written else field.input)
    # One event for all of them: as several, an older state could be saved last.
    gr.on(said, rating.rate, given, told, trigger_mode="always_last", **QUIET)
    panel.clear.click(rating.take_back, [view, parts.rated], [*fields, *told], **QUIET)
    parts.middle.chat.like(rating.like, view, [fields[0], *told], **QUIET)
    panel.veil.input(rating.veil, [view, panel.veil], [parts.veil, parts.ticket], **QUIET)


def _inviting(parts: Parts, inviting: Inviting) -> None:
    here, view = parts.panel.inviters, parts.view
    here.invite.click(inviting.invite, [view, here.with_analysis], here.told, **QUIET)
    here.close.click(inviting.close, view, here.told, **QUIET)
