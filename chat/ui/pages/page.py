"""What a page is: a name in the navigation, an address, and how it is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gradio as gr

from chat.ui.desk import Desk
from chat.ui.navigation import Link


@dataclass(frozen=True)
class Page:
    """`build` lays out and connects the page; it runs inside the page's own `gr.Blocks` route."""

    name: str
    path: str
    build: Callable[[gr.Blocks, Desk], None]

    @property
    def link(self) -> Link:
        return Link(name=self.name, path=self.path)


def links(pages: Sequence[Page]) -> tuple[Link, ...]:
    return tuple(page.link for page in pages)
