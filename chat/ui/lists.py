"""Lists to choose from: conversations in the sidebar, examples under an empty conversation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from chat.store.records import ConversationSummary
from chat.ui.markup import esc, shorten
from perm.types import Value


class Persona(Value):
    """An example: who the seeker is, what is going on, and what they say first."""

    id: str
    name: str
    title: str
    identity: str
    scenario: str
    opening: str


def personas(file: Path) -> tuple[Persona, ...]:
    """The examples that ship with the project."""
    return tuple(Persona(**entry) for entry in json.loads(file.read_text(encoding="utf-8")))


def conversation_list(
    found: Sequence[ConversationSummary], shown: UUID | None, now: datetime
) -> str:
    if not found:
        return '<p class="none">No conversations yet.</p>'
    entries = "".join(_entry(one, one.id == shown, now) for one in found)
    return f'<ul class="conversations">{entries}</ul>'


def _entry(one: ConversationSummary, shown: bool, now: datetime) -> str:
    title = esc(shorten(one.title, 60)) if one.title.strip() else "Untitled"
    turns = f"{one.turns} turn{'' if one.turns == 1 else 's'}"
    current = ' aria-current="true"' if shown else ""
    return (
        f'<li><button type="button" data-action="open" data-value="{one.id}"{current}>'
        f"<b>{title}</b><span>{turns} · {ago(one.updated_at, now)}</span></button></li>"
    )


def ago(then: datetime, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`, else the day."""
    minutes = int((now - then).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 24 * 60:
        return f"{minutes // 60} h ago"
    return f"{then.day} {then:%B %Y}" if then.year != now.year else f"{then.day} {then:%B}"


def example_cards(examples: Sequence[Persona]) -> str:
    cards = "".join(
        f'<li><button type="button" data-action="example" data-value="{esc(one.id)}">'
        f"<b>{esc(one.name)}</b><span>{esc(one.title)}</span></button></li>"
        for one in examples
    )
    return (
        '<section class="examples" aria-label="Examples">'
        "<h3>Speak for yourself, or step into somebody’s place</h3>"
        f"<ul>{cards}</ul></section>"
    )
