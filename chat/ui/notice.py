"""What a person reads before the first message. The care's own words come from chat/safety."""

from __future__ import annotations

from chat.safety import Disclosure
from chat.ui.markup import esc


def welcome() -> str:
    return (
        '<section class="welcome"><h2>What is on your mind?</h2>'
        '<p class="lede">You write; an AI answers with care, and on the side four scores show how '
        "well it understood.</p></section>"
    )


def before_you_begin(words: Disclosure) -> str:
    points = "".join(f"<li>{esc(point)}</li>" for point in words.points)
    return (
        f'<section class="before"><h3>{esc(words.title)}</h3><ul>{points}</ul>'
        f"<h4>{esc(words.consents_title)}</h4></section>"
    )


def no_trace(words: Disclosure) -> str:
    return f'<p class="no-trace">{esc(words.leave_no_trace)}</p>'


def kept_note(keep: bool) -> str:
    """For the sidebar of an open conversation."""
    if keep:
        return (
            '<p class="kept"><i class="dot"></i>Kept in the database of whoever runs this app.</p>'
        )
    return '<p class="kept no"><i class="dot"></i>No trace: it lives in memory only.</p>'
