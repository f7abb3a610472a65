"""The pages of one study for one rater, as HTML. Pure: records in, escaped text out.

What comes in before a vote is a `Sheet`, which has nothing to tell who wrote what.
"""

from __future__ import annotations

from typing import Final

from chat.store.study_records import (
    Ballot,
    Choice,
    Margin,
    Progress,
    Sheet,
    Side,
    Study,
    StudyKind,
)
from chat.ui.crisis_card import Whereabouts, card_for, spoken
from chat.ui.markup import esc, paragraphs, plain
from chat.ui.rating_pages.frame import document, rater_words
from chat.ui.reward_card import signed

LOOK_AGAIN: Final = 2
"""Seconds between two looks at replies that are being written."""

Said = tuple[Choice, Margin | None]

ANSWERS: Final[tuple[tuple[str, str, Said], ...]] = (
    ("Left", "clearly", (Choice.LEFT, Margin.CLEAR)),
    ("Left", "slightly", (Choice.LEFT, Margin.SLIGHT)),
    ("A tie", "equally good", (Choice.TIE, None)),
    ("Right", "slightly", (Choice.RIGHT, Margin.SLIGHT)),
    ("Right", "clearly", (Choice.RIGHT, Margin.CLEAR)),
    ("Both bad", "neither would do", (Choice.BOTH_BAD, None)),
)
"""The buttons in their order; their places are the keys 1 to 6."""


def word_of(said: Said) -> str:
    """An answer as the form sends it."""
    choice, margin = said
    return f"{choice.value}-{margin.value}" if margin else choice.value


READ: Final = {word_of(said): said for _, _, said in ANSWERS}


def consent_page(study: Study, total: int) -> str:
    words = rater_words()
    points = "".join(f"<li>{esc(point)}</li>" for point in words.points)
    many = f"<p class='small-print'>{total} comparisons, a minute or two each.</p>" if total else ""
    body = (
        f'<section class="rate-card"><h1>{esc(words.title)}</h1><p class="lede">{esc(words.lede)}'
        f"</p><ul>{points}</ul>{many}"
        f'<form method="post" action="/rate/{esc(study.token)}/join">'
        f'<label class="tick"><input type="checkbox" name="keep" value="yes" required> '
        f"<span>{esc(words.consent)}</span></label>"
        f'<button class="main">{esc(words.begin)}</button></form></section>'
    )
    return document(_title(study), body)


def sheet_page(study: Study, sheet: Sheet, progress: Progress, where: Whereabouts) -> str:
    """One comparison, both replies whole. No score, no name, no Analysis."""
    body = (
        f"{_progress(progress)}{_asked(sheet, where)}{_replies(sheet)}"
        f'<form class="vote" method="post" action="/rate/{esc(study.token)}/vote">'
        '<button type="submit" disabled hidden></button>'  # Enter in the text sends nothing
        f'<input type="hidden" name="comparison" value="{sheet.comparison_id}">'
        "<fieldset><legend>Which reply would you rather get?</legend>"
        f'<div class="answers">{"".join(map(_answer, range(len(ANSWERS))))}</div></fieldset>'
        '<label class="why">A word why, if you like <input name="why" maxlength="2000" '
        'autocomplete="off" placeholder="Write it before you choose"></label>'
        '<p class="hint">Keys 1 to 6 choose. <span class="open-both">Read both replies; then you '
        "can choose.</span></p></form>"
    )
    return document(_title(study), body, script=True)


def _answer(place: int) -> str:
    name, how, said = ANSWERS[place]
    return (
        f'<button name="answer" value="{word_of(said)}" data-key="{place + 1}">'
        f"<b>{name}</b><span>{how}</span></button>"
    )


def seen_page(study: Study, sheet: Sheet, ballot: Ballot) -> str:
    """After the vote: who was who, and what the judge says."""
    left, right = ballot.left, ballot.left.other
    body = (
        f'{_asked(sheet, None)}<p class="voted" role="status">{_voted(study, ballot)}</p>'
        f"{_replies(sheet, _who(study, ballot, left), _who(study, ballot, right))}"
        f'<p class="next"><a class="main" href="/rate/{esc(study.token)}">Next one</a> '
        f'<a href="/arena?study={study.id}">Results</a></p>'
    )
    return document(_title(study), body, script=True)


def _voted(study: Study, ballot: Ballot) -> str:
    if ballot.winner is None:
        return "You called it a tie." if ballot.choice is Choice.TIE else "You found both bad."
    how = "clearly" if ballot.margin is Margin.CLEAR else "slightly"
    return f"You {how} preferred <b>{esc(study.contestant(ballot.winner).name)}</b>."


def _who(study: Study, ballot: Ballot, side: Side) -> str:
    reward = ballot.a_reward if side is Side.A else ballot.b_reward
    said = f"reward {signed(reward)}" if reward is not None else "not scored yet"
    return f"<b>{esc(study.contestant(side).name)}</b> <span>{said}</span>"


def writing_page(study: Study, progress: Progress) -> str:
    body = (
        f'{_progress(progress)}<section class="rate-card" role="status"><h1>Both replies are being '
        'written</h1><p class="lede">They are shown when both are complete. This page looks by '
        "itself.</p></section>"
    )
    return document(_title(study), body, again=LOOK_AGAIN)


def failed_page(study: Study) -> str:
    body = (
        '<section class="rate-card"><h1>The replies could not be written</h1><p class="lede">'
        "Nothing of yours is lost. Whoever made this can try again on the arena’s page.</p>"
        f"{_links(study)}</section>"
    )
    return document(_title(study), body)


def done_page(study: Study, progress: Progress) -> str:
    body = (
        '<section class="rate-card"><h1>Thank you</h1><p class="lede">You have rated '
        f"{_count(progress.done)}. That is all there is.</p>{_withdraw(study)}</section>"
    )
    return document(_title(study), body)


def own_page(study: Study, progress: Progress, max_chars: int) -> str:
    """In one's own arena: the message that both shall answer."""
    body = (
        '<section class="rate-card"><h1>What shall both answer?</h1>'
        f'<p class="lede">Two replies come, side by side and without names. So far you have rated '
        f"{_count(progress.done)}.</p>"
        f'<form class="say" method="post" action="/rate/{esc(study.token)}/say">'
        f"{_field('persona', 'Persona', 'Who is the seeker? It may stay empty.', max_chars)}"
        f"{_field('scenario', 'Scenario', 'What is going on? It may stay empty.', max_chars)}"
        f"{_field('message', 'Message', 'What the seeker says', max_chars, needed=True)}"
        f'<button class="main">Ask both</button> {_links(study)}</form></section>'
    )
    return document(_title(study), body)


def _field(name: str, label: str, hint: str, most: int, *, needed: bool = False) -> str:
    return (
        f'<label>{label}<textarea name="{name}" rows="{4 if needed else 2}" maxlength="{most}" '
        f'placeholder="{hint}"{" required autofocus" if needed else ""}></textarea></label>'
    )


def _links(study: Study) -> str:
    return f'<a href="/arena?study={study.id}">Results</a>' if study.kind is StudyKind.OWN else ""


def _withdraw(study: Study) -> str:
    return (
        "<details><summary>Take my votes back</summary><p>All of them are deleted, for good.</p>"
        f'<form method="post" action="/rate/{esc(study.token)}/withdraw">'
        '<button class="quiet">Delete my votes</button></form></details>'
    )


def withdrawn_page(study: Study) -> str:
    body = (
        '<section class="rate-card"><h1>Your votes are deleted</h1><p class="lede">Nothing of them '
        "is left. The link still works, should you want to begin anew.</p></section>"
    )
    return document(_title(study), body)


def _title(study: Study) -> str:
    """The study's name could say what is compared: raters read it only in one's own arena."""
    return study.name if study.kind is StudyKind.OWN else "Two replies"


def _count(number: int) -> str:
    return f"{number} comparison{'' if number == 1 else 's'}"


def _progress(progress: Progress) -> str:
    if progress.total < 1:
        return ""
    now = min(progress.done + 1, progress.total)
    share = 100 * progress.done / progress.total
    return (
        f'<div class="how-far"><p>{now} of {progress.total}</p><div class="track" '
        f'role="progressbar" aria-label="Rated" aria-valuemin="0" aria-valuemax="{progress.total}" '
        f'aria-valuenow="{progress.done}"><span style="width:{share:.1f}%"></span></div></div>'
    )


def _asked(sheet: Sheet, where: Whereabouts | None) -> str:
    frame = "".join(
        f"<div><dt>{name}</dt><dd>{paragraphs(text)}</dd></div>"
        for name, text in (("Who", sheet.persona), ("What is going on", sheet.scenario))
        if text.strip()
    )
    card = ""
    if sheet.crisis is not None and where is not None:
        asked = spoken(1, sheet.message, sheet.scenario, sheet.persona)  # an item is one turn
        card = card_for([asked, sheet.left, sheet.right], sheet.crisis, where, chooser=False)
    return (
        f'{card}<section class="asked">{f"<dl>{frame}</dl>" if frame else ""}'
        f"<blockquote>{paragraphs(sheet.message)}</blockquote></section>"
    )


def _replies(sheet: Sheet, left: str = "", right: str = "") -> str:
    """`left`, `right`: who it was, as HTML, after the vote."""
    tabs = "".join(
        f'<button type="button" role="tab" id="tab-{side}" aria-controls="{side}" '
        f'aria-selected="{"true" if side == "left" else "false"}">{side.capitalize()}</button>'
        for side in ("left", "right")
    )
    shown = "".join(
        f'<article id="{side}" role="tabpanel" aria-labelledby="tab-{side}">'
        f"<h2>{side.capitalize()}</h2>{f'<p class=who>{who}</p>' if who else ''}"
        f'<div class="prose">{paragraphs(plain(text))}</div></article>'
        for side, text, who in (("left", sheet.left, left), ("right", sheet.right, right))
    )
    return f'<div class="tabs" role="tablist">{tabs}</div><div class="pair">{shown}</div>'
