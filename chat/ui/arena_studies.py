"""The arena's owner: the list of studies, and what the votes of one say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chat.arena.results import Results
from chat.store.study_records import Ballot, Choice, Margin, StudyKind, StudySummary
from chat.ui.markup import esc
from perm.statistics import Estimate

SHOWN_REASONS: Final = 50
HALF: Final = 0.5


def study_list(found: Sequence[StudySummary], open_id: UUID | None) -> str:
    if not found:
        return (
            '<p class="none">Nothing is compared yet. Put two contestants against each other '
            "above.</p>"
        )
    return f'<ul class="studies">{"".join(_entry(one, open_id) for one in found)}</ul>'


def _entry(one: StudySummary, open_id: UUID | None) -> str:
    study = one.study
    current = ' aria-current="true"' if study.id == open_id else ""
    return (
        f'<li{current}><div class="what"><b>{esc(study.name)}</b>'
        f"<span>{esc(study.a.name)} <i>against</i> {esc(study.b.name)}</span>"
        f'<span class="far">{_far(one)}</span></div><div class="do">'
        f'<a class="go" href="/rate/{esc(study.token)}" target="_blank" rel="noopener">Rate</a>'
        f'<button type="button" class="quiet" data-action="open" data-value="{study.id}">Results'
        "</button></div></li>"
    )


def _far(one: StudySummary) -> str:
    pending = one.items - one.ready - one.failed
    parts = [
        _count(one.ready, "prompt") + " ready" if one.ready or not pending else "",
        f"{pending} being written" if pending else "",
        f"{one.failed} failed" if one.failed else "",
        _count(one.votes, "vote"),
        _count(one.raters, "rater"),
        "closed" if one.study.closed else "",
    ]
    return " · ".join(part for part in parts if part)


def results_panel(
    one: StudySummary, found: Results, ballots: Sequence[Ballot], failure: str, address: str
) -> str:
    """`failure`: why the first of the failed prompts has no replies; `address`: of this server."""
    study = one.study
    kind = "A study" if study.kind is StudyKind.STUDY else "Your own comparisons"
    return (
        f'<section class="results"><header><h3>{esc(study.name)}</h3><p>{kind}. {_far(one)}.</p>'
        f"</header>{_link(one, address)}{_failed(one, failure)}{_headline(one, found)}"
        f"{_table(one, found)}{_raters(found)}{_reasons(one, ballots)}{_doings(one)}</section>"
    )


def _link(one: StudySummary, address: str) -> str:
    if one.study.kind is StudyKind.OWN:
        return ""
    return (
        '<p class="hand-out"><span>The link to hand out; it lets anyone who has it rate, and no '
        f"more:</span><code>{esc(address)}/rate/{esc(one.study.token)}</code></p>"
    )


def _failed(one: StudySummary, failure: str) -> str:
    if not one.failed:
        return ""
    return (
        f'<div class="trouble" role="alert"><p><b>{_count(one.failed, "prompt")} could not be '
        f"answered.</b> {esc(failure)}</p>"
        f'<button type="button" class="quiet" data-action="again" data-value="{one.study.id}">'
        "Try again</button></div>"
    )


def _headline(one: StudySummary, found: Results) -> str:
    if not found.votes:
        return '<p class="headline">No votes yet.</p>'
    a, b = esc(one.study.a.name), esc(one.study.b.name)
    share = found.decided
    if share.value is None:
        return '<p class="headline">No vote has named a winner yet.</p>'
    ahead, wins = (a, found.a_wins) if share.value >= HALF else (b, found.b_wins)
    apart = share.low is not None and share.high is not None and not share.low <= HALF <= share.high
    said = (
        "More than chance would give."
        if apart
        else "The interval holds 50 %: these votes do not tell the two apart yet."
    )
    return (
        f'<p class="headline"><b>{ahead}</b> won {wins} of {share.n} decided votes. {said}</p>'
        f'<p class="tally">{a} {found.a_wins} · {b} {found.b_wins} · ties {found.ties} · both bad '
        f"{found.both_bad} · clear {found.clear} of {share.n}</p>"
    )


def _table(one: StudySummary, found: Results) -> str:
    a = esc(one.study.a.name)
    rows = (
        (f"{a} wins", "votes that named a winner", found.decided, True),
        (f"{a} wins, overall", "ties, both bad as halves; over prompts", found.overall, True),
        ("Left wins", "side bias: 50 % is none", found.left, True),
        ("Longer wins", "length bias: 50 % is none", found.longer, True),
        ("Higher reward wins", "agreement of votes with PERM’s reward", found.reward, True),
        ("Raters agree", "Krippendorff’s alpha: 1 full, 0 chance", found.agreement, False),
    )  # fmt: skip
    body = "".join(_row(*row) for row in rows)
    return (
        '<table class="figures"><thead><tr><th scope="col">What</th><th scope="col">Figure</th>'
        '<th scope="col">95 % interval</th><th scope="col">n</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _row(name: str, what: str, found: Estimate, share: bool) -> str:
    return (
        f'<tr><th scope="row">{name}<span>{what}</span></th><td>{figure(found.value, share)}</td>'
        f"<td>{_interval(found, share)}</td><td>{found.n}</td></tr>"
    )


def figure(value: float | None, share: bool) -> str:
    """`70 %`, `0.42`, or a dash where there is nothing to say."""
    if value is None:
        return "–"
    return f"{100 * value:.0f}\N{NO-BREAK SPACE}%" if share else f"{value:.2f}".replace("-", "−")


def _interval(found: Estimate, share: bool) -> str:
    if found.low is None or found.high is None:
        return "–"
    said = f"{figure(found.low, share)} to {figure(found.high, share)}"
    if not share or found.value is None:
        return said
    left, width = 100 * found.low, 100 * (found.high - found.low)
    return (
        f'{said}<span class="whisker" aria-hidden="true"><i style="left:{left:.1f}%;'
        f'width:{width:.1f}%"></i><b style="left:{100 * found.value:.1f}%"></b></span>'
    )


def _raters(found: Results) -> str:
    if not found.raters:
        return ""
    said = " · ".join(f"rater {number}: {votes}" for number, votes in found.raters.items())
    return f'<p class="tally">Votes by rater: {said}</p>'


def _reasons(one: StudySummary, ballots: Sequence[Ballot]) -> str:
    given = [ballot for ballot in reversed(ballots) if ballot.why][:SHOWN_REASONS]
    if not given:
        return ""
    entries = "".join(
        f"<li><b>{_for(one, ballot)}</b> <span>{esc(ballot.why)}</span></li>" for ballot in given
    )
    return f"<details><summary>Words why ({len(given)})</summary><ul>{entries}</ul></details>"


def _for(one: StudySummary, ballot: Ballot) -> str:
    if ballot.winner is None:
        return "A tie" if ballot.choice is Choice.TIE else "Both bad"
    how = "clearly" if ballot.margin is Margin.CLEAR else "slightly"
    return f"{esc(one.study.contestant(ballot.winner).name)}, {how}"


def _doings(one: StudySummary) -> str:
    study = one.study
    close = ("reopen", "Take votes again") if study.closed else ("close", "Take no more votes")
    return (
        f'<p class="doings"><button type="button" class="quiet" data-action="{close[0]}" '
        f'data-value="{study.id}">{close[1]}</button>'
        f'<button type="button" class="quiet" data-action="ask-delete" data-value="{study.id}">'
        "Delete it</button></p>"
    )


def sure_to_delete(one: StudySummary) -> str:
    return (
        '<div class="trouble" role="alert"><p><b>Delete it for good?</b> Its replies and '
        f'{_count(one.votes, "vote")} go with it.</p><p class="doings">'
        f'<button type="button" class="quiet" data-action="delete" data-value="{one.study.id}">'
        "Delete</button>"
        f'<button type="button" class="quiet" data-action="open" data-value="{one.study.id}">'
        "Keep it</button></p></div>"
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
