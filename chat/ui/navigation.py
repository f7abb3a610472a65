"""The way from page to page: plain links, so that keyboards, phones and bookmarks need no more."""

from __future__ import annotations

from collections.abc import Sequence

from chat.ui.markup import esc
from perm.types import Value


class Link(Value):
    """A page as the navigation sees it; the chat page's path is empty."""

    name: str
    path: str


def navigation(links: Sequence[Link], here: str) -> str:
    """Twice the same links: in a row where there is room, behind a button on a phone. The style
    sheet shows one of the two, and a reader hears that one alone.
    """
    if len(links) < 2:
        return ""
    entries = f"<ul>{''.join(_entry(link, link.path == here) for link in links)}</ul>"
    now = next((link.name for link in links if link.path == here), "Pages")
    return (
        f'<nav class="pages" aria-label="Pages"><div class="row">{entries}</div>'
        f'<details class="menu"><summary><span class="sr">Page: </span>{esc(now)}</summary>'
        f"{entries}</details></nav>"
    )


def _entry(link: Link, current: bool) -> str:
    mark = ' aria-current="page"' if current else ""
    return f'<li><a href="/{esc(link.path)}"{mark}>{esc(link.name)}</a></li>'
