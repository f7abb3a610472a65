"""History's list: what is looked for, and each reply that fits as a line. Escaped, pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from chat.store.found import Choices, Filters, Found, FoundPage, Thumb
from chat.ui.history_query import PATH, address, mark
from chat.ui.marks import MARKS, figure, icon
from chat.ui.markup import esc, shorten
from chat.ui.reward_card import signed
from perm.types import Perspective

THUMBS = {
    Thumb.ANY: "Rated",
    Thumb.NONE: "Not rated",
    Thumb.UP: "Thumb up",
    Thumb.DOWN: "Thumb down",
}
SHOWN = 170


def search_form(filters: Filters, choices: Choices, held: UUID | None) -> str:
    """A plain form: its fields become the address."""
    keep = f'<input type="hidden" name="hold" value="{held}">' if held else ""
    is_open = " open" if filters.model_copy(update={"text": ""}) != Filters() else ""
    return (
        f'<form class="look" method="get" action="{PATH}" role="search">{keep}<div class="ask">'
        '<input type="search" name="text" maxlength="300" aria-label="Search what was said" '
        f'placeholder="Search what was said and noted" value="{esc(filters.text)}">'
        '<button type="submit" class="go">Search</button></div>'
        f"<details{is_open}><summary>Filters</summary>{_fields(filters, choices)}</details></form>"
    )


def _fields(filters: Filters, choices: Choices) -> str:
    until = filters.until - timedelta(days=1) if filters.until else None
    perspectives = [(one.value, MARKS[one].name) for one in Perspective]
    thumbs = [(one.value, words) for one, words in THUMBS.items()]
    score = _number("low", "from", filters.low) + _number("high", "to", filters.high)
    reward = _number("reward_low", "from", filters.reward_low)
    reward += _number("reward_high", "to", filters.reward_high)
    ticked = " checked" if filters.unscored else ""
    return (
        '<div class="fields">'
        f"{_day('since', 'Since', filters.since)}{_day('until', 'Until', until)}"
        f"{_choice('model', 'Model', _same(choices.models), filters.model)}"
        f"{_choice('judge', 'Judge', _same(choices.judges), filters.judge)}"
        f"{_choice('perspective', 'Score of', perspectives, filters.perspective or '')}"
        f"<fieldset><legend>Score</legend>{score}</fieldset>"
        f"<fieldset><legend>Reward</legend>{reward}</fieldset>"
        f"{_choice('thumb', 'Feedback', thumbs, filters.thumb or '')}"
        f"{_choice('tag', 'Tag', _same(choices.tags), filters.tag)}"
        f'<label class="tick"><input type="checkbox" name="unscored" value="1"{ticked}>'
        "A score is missing</label>"
        f'<p><button type="submit" class="go">Apply</button> <a href="{PATH}">Clear</a></p></div>'
    )


def _same(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]


def _choice(name: str, label: str, options: list[tuple[str, str]], chosen: str) -> str:
    listed = "".join(
        f'<option value="{esc(value)}"{" selected" if value == chosen else ""}>'
        f"{esc(shorten(words, 40))}</option>"
        for value, words in options
    )
    return (
        f'<label>{label}<select name="{name}"><option value="">Any</option>{listed}</select>'
        "</label>"
    )


def _day(name: str, label: str, value: datetime | None) -> str:
    held = f"{value:%Y-%m-%d}" if value else ""
    return f'<label>{label}<input type="date" name="{name}" value="{held}"></label>'


def _number(name: str, label: str, value: float | None) -> str:
    held = "" if value is None else f"{value:g}"
    return (
        f'<label class="short">{label}<input type="number" step="any" name="{name}" '
        f'value="{held}"></label>'
    )


def results(page: FoundPage, filters: Filters, held: UUID | None, first: bool) -> str:
    """The lines, or what to do where there are none."""
    if not page.rows:
        return _nothing(filters, first)
    banner = (
        '<p class="held" role="status">Choose what to compare it with. '
        f'<a href="{esc(address(filters))}">Never mind</a></p>'
        if held
        else ""
    )
    lines = "".join(_line(row, filters, held) for row in page.rows)
    more = ""
    if page.after:
        older = address(filters, after=mark(page.after), hold=held)
        more = f'<p class="more"><a href="{esc(older)}">Older</a></p>'
    return f'{banner}<ol class="lines">{lines}</ol>{more}'


def _nothing(filters: Filters, first: bool) -> str:
    if filters == Filters() and first:
        return (
            '<div class="nothing"><h3>Nothing here yet</h3><p>What you talk about stands here, '
            'with its scores. <a href="/">Begin a conversation</a></p></div>'
        )
    return (
        '<div class="nothing"><h3>Nothing fits</h3><p>Take a filter away, or look for other words. '
        f'<a href="{PATH}">Show everything</a></p></div>'
    )


def _line(row: Found, filters: Filters, held: UUID | None) -> str:
    compare = (
        f'<a class="quiet" href="{esc(address(r=held, with_=row.reply_id))}">Compare with this</a>'
        if held and held != row.reply_id
        else ""
        if held
        else f'<a class="quiet" href="{esc(address(filters, hold=row.reply_id))}">Compare</a>'
    )
    return (
        f'<li><a class="said" href="{esc(address(r=row.reply_id))}">'
        f"<b>{_marked(shorten(row.message, SHOWN), filters.text)}</b>"
        f"<span>{_marked(shorten(row.response, SHOWN), filters.text)}</span></a>"
        f'<p class="figures">{figures_of(row)}</p>'
        f'<p class="about"><span>{row.created_at:%-d %B %Y, %H:%M} UTC</span>'
        f"<span>Turn {row.number} · {esc(shorten(row.title, 40)) or 'Untitled'}</span>"
        f"<span>{esc(row.model)}</span>{compare}</p></li>"
    )


def figures_of(row: Found) -> str:
    """Marks and values, the reward, the thumb."""
    scores = "".join(
        f'<span class="one">{icon(one)}<span class="sr">{MARKS[one].name} </span>'
        f"{'–' if (score := getattr(row, one.value)) is None else figure(one, score)}</span>"
        for one in Perspective
    )
    total = "–" if row.reward is None else signed(row.reward)
    thumb = {1: " · liked", -1: " · disliked"}.get(row.thumb or 0, "")
    return f'{scores}<span class="one"><span class="sr">Reward </span><b>{total}</b>{thumb}</span>'


def _marked(text: str, looked_for: str) -> str:
    """The words that were looked for stand out."""
    words = [re.escape(word) for word in re.findall(r"\w+", looked_for)]
    if not words:
        return esc(text)
    pieces = re.split(rf"(\b(?:{'|'.join(words)})\w*)", text, flags=re.IGNORECASE)
    return "".join(
        f"<mark>{esc(piece)}</mark>" if place % 2 else esc(piece)
        for place, piece in enumerate(pieces)
    )
