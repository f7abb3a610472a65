"""The pages, in the order of the navigation. A new one is a file here and a line in `PAGES`."""

from __future__ import annotations

from typing import Final

from chat.ui.pages.arena import ARENA
from chat.ui.pages.chat import CHAT
from chat.ui.pages.export import EXPORT
from chat.ui.pages.history import HISTORY
from chat.ui.pages.insights import INSIGHTS
from chat.ui.pages.page import Page

PAGES: Final[tuple[Page, ...]] = (
    CHAT,
    HISTORY,
    ARENA,
    INSIGHTS,
    EXPORT,
)
"""Only pages that exist. The first one is at `/`."""
