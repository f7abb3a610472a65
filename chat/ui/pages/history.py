"""The History page: what was said before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import gradio as gr

from chat.ui.desk import Desk
from chat.ui.lists import ago
from chat.ui.markup import esc, shorten
from chat.ui.pages.page import Page
from chat.ui.pages.sheet import QUIET, sheet
from chat.ui.parts import html
from chat.ui.trouble import trouble
from perm.types import PermError


class History:
    """The handlers. Each asks who is asking and takes contents from the session alone."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._session = desk, desk.session

    async def load(self, request: gr.Request) -> str:
        owner = self._desk.owner(request)
        try:
            found = await self._session.conversations(owner)
        except PermError as error:
            return trouble(error)
        now = datetime.now(UTC)
        entries = "".join(
            f'<li><a href="/?c={one.id}"><b>{esc(shorten(one.title, 80)) or "Untitled"}</b>'
            f"<span>{one.turns} turns · {ago(one.updated_at, now)}</span></a></li>"
            for one in found
        )
        return f'<ul class="found">{entries}</ul>' if found else "<p>Nothing yet.</p>"


def build(blocks: gr.Blocks, desk: Desk) -> None:
    history = History(desk)
    with sheet(blocks, desk, "History", "Everything that was said here and is kept."):
        found = html(name="found")
    blocks.load(history.load, None, found, **QUIET)


HISTORY: Final = Page(name="History", path="history", build=build)
