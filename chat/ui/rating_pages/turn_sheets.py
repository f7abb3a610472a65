"""The pages on which an invited rater rates one conversation's replies, turn by turn. Pure.

What comes in is an `Invited`: texts and what this rater said before, no score and no name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chat.store.invitation_records import Invited, ToRate
from chat.store.records import FeedbackInput
from chat.ui.crisis_card import Whereabouts, card_for, spoken
from chat.ui.feedback import THUMBS
from chat.ui.marks import MARKS
from chat.ui.markup import esc, paragraphs, plain
from chat.ui.rating_pages.frame import document, rating_words
from perm.types import EMPATHY, Perspective

TITLE: Final = "Rate replies"
ABOUT: Final = "The replies are an AI’s"


def seats(with_analysis: bool) -> tuple[Perspective, ...]:
    """From where a rater rates on 1 to 5; resonation is about the Analysis, so only with it."""
    return tuple(one for one in EMPATHY if with_analysis or not one.rates_analysis)


def invited_page(token: str, found: Invited) -> str:
    """What a rater reads first; the consent opens the first turn."""
    words = rating_words()
    points = "".join(f"<li>{esc(point)}</li>" for point in words.points)
    many = len(found.turns)
    body = (
        f'<section class="rate-card"><h1>{esc(words.title)}</h1><p class="lede">{esc(words.lede)}'
        f'</p><ul>{points}</ul><p class="small-print">{many} '
        f"{'reply' if many == 1 else 'replies'}.</p>"
        f'<form method="get" action="{_address(token)}">'
        '<input type="hidden" name="turn" value="1">'
        '<label class="tick"><input type="checkbox" name="agreed" value="yes" required> '
        f"<span>{esc(words.consent)}</span></label>"
        f'<button class="main">{esc(words.begin)}</button></form></section>'
    )
    return document(TITLE, body, about=ABOUT)


def turn_page(
    token: str,
    found: Invited,
    place: int,
    where: Whereabouts,
    *,
    sent: Mapping[str, str] | None = None,
    said: str = "",
) -> str:
    """The turn at `place` (from 1 to the number of turns).

    `sent` and `said`: a form that could not be taken, shown again as it was sent, and why.
    """
    one = found.turns[place - 1]
    wrong = f'<p class="wrong" role="alert">{esc(said)}</p>' if said else ""
    body = (
        f'<p class="progress">Reply {place} of {len(found.turns)}</p>'
        f"{_about(found)}{_exchange(found, one, where)}{wrong}{_form(token, found, place, sent)}"
    )
    return document(TITLE, body, about=ABOUT)


def as_sent(given: FeedbackInput) -> dict[str, str]:
    """Feedback as the form's fields."""
    names = ("thumb", *Perspective, "comment")
    values = {str(name): getattr(given, str(name)) for name in names}
    return {name: str(value) for name, value in values.items() if value is not None}


def thanks_page(token: str, found: Invited) -> str:
    rated = sum(one.given is not None for one in found.turns)
    body = (
        f'<section class="rate-card"><h1>Thank you</h1><p class="lede">You rated {rated} of '
        f"{len(found.turns)} replies. You can come back and change what you said.</p>"
        f'<p><a class="main" href="{_address(token)}?turn=1&amp;agreed=yes">Look again</a></p>'
        f'<form method="post" action="{_address(token)}/withdraw">'
        '<button class="quiet">Take all of it back</button></form></section>'
    )
    return document(TITLE, body, about=ABOUT)


def withdrawn_page() -> str:
    body = (
        '<section class="rate-card"><h1>It is taken back</h1><p class="lede">Nothing of what you '
        "said here is kept.</p></section>"
    )
    return document(TITLE, body, about=ABOUT)


def _address(token: str) -> str:
    return f"/rate/turns/{esc(token)}"


def _about(found: Invited) -> str:
    told = [text for text in (found.persona, found.scenario) if text.strip()]
    if not told:
        return ""
    return f'<section class="about">{"".join(paragraphs(text) for text in told)}</section>'


def _exchange(found: Invited, one: ToRate, where: Whereabouts) -> str:
    card = ""
    if one.crisis:
        said = spoken(one.number, one.message, found.scenario, found.persona)
        card = card_for([said, one.response], one.crisis, where, chooser=False)
    analysis = (
        '<section class="said analysis"><h2>What the AI understood</h2>'
        f"{paragraphs(plain(one.analysis))}</section>"
        if one.analysis
        else ""
    )
    return (
        f'<section class="said seeker"><h2>Somebody wrote</h2>{paragraphs(one.message)}</section>'
        f"{card}{analysis}"
        f'<section class="said"><h2>The AI answered</h2>{paragraphs(plain(one.response))}</section>'
    )


def _form(token: str, found: Invited, place: int, sent: Mapping[str, str] | None) -> str:
    one = found.turns[place - 1]
    shown = as_sent(one.given or FeedbackInput()) if sent is None else sent
    scales = "".join(_scale(seat, shown.get(seat.value, "")) for seat in seats(found.with_analysis))
    bystander = esc(shown.get("bystander", ""))
    thumbs = "".join(
        _choice("thumb", str(value), name, checked=shown.get("thumb") == str(value))
        for name, value in THUMBS
    )
    back = (
        f'<a class="quiet" href="{_address(token)}?turn={place - 1}&amp;agreed=yes">Back</a>'
        if place > 1
        else ""
    )
    last = place == len(found.turns)
    return (
        f'<form class="turn-form" method="post" action="{_address(token)}/say">'
        f'<input type="hidden" name="turn" value="{place}">'
        f'<input type="hidden" name="reply" value="{one.reply_id}">'
        f'<fieldset><legend>How was this reply?</legend><div class="levels">{thumbs}</div>'
        f"</fieldset>{scales}"
        f'<label class="why">{MARKS[Perspective.BYSTANDER].name}: '
        f"{MARKS[Perspective.BYSTANDER].seat}, 0 to 100"
        f'<input name="bystander" inputmode="numeric" maxlength="3" value="{bystander}" '
        'autocomplete="off"></label>'
        f'<label class="why">A word, if you like<input name="comment" maxlength="2000" '
        f'value="{esc(shown.get("comment", ""))}" autocomplete="off"></label>'
        f'<p class="next"><button class="main">{"Save and end" if last else "Save and go on"}'
        f"</button> {back}</p></form>"
    )


def _scale(seat: Perspective, given: str) -> str:
    levels = "".join(
        _choice(seat.value, str(level), str(level), checked=given == str(level))
        for level in range(1, 6)
    )
    return (
        f"<fieldset><legend>{MARKS[seat].name}: {MARKS[seat].seat}</legend>"
        f'<div class="levels">{levels}</div></fieldset>'
    )


def _choice(name: str, value: str, label: str, *, checked: bool) -> str:
    mark = " checked" if checked else ""
    return (
        f'<label><input type="radio" name="{name}" value="{value}"{mark}>'
        f"<span>{esc(label)}</span></label>"
    )
