"""The sheet every page but the chat stands on: masthead, navigation, a title, its own scroll."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import gradio as gr

from chat.ui.desk import Desk
from chat.ui.markup import esc
from chat.ui.parts import html

QUIET: Final[dict[str, Any]] = {"show_progress": "hidden", "api_visibility": "private"}


@contextmanager
def sheet(blocks: gr.Blocks, desk: Desk, title: str, words: str = "") -> Iterator[None]:
    """Lay out what stands on every page; the page's own components go inside the `with`.

    The column has the id `sheet`, the part below the masthead the id `content`.
    """
    timer = gr.Timer(2.0, active=False)
    with gr.Column(elem_id="sheet"):
        masthead = html(desk.masthead(talking=False), name="header")
        with gr.Column(elem_id="content"):
            html(_title(title, words), name="page-title")
            yield
    about = [masthead, timer]
    blocks.load(desk.top, None, about, js=_named(title), **QUIET)
    timer.tick(desk.top, None, about, **QUIET)


def _title(title: str, words: str) -> str:
    more = f"<p>{esc(words)}</p>" if words else ""
    return f'<div class="page-title"><h2>{esc(title)}</h2>{more}</div>'


def _named(title: str) -> str:
    """Gradio gives all pages one title; a tab and a screen reader want each page's own."""
    return f"() => {{ document.title = '{title} · perm-chat'; }}"
