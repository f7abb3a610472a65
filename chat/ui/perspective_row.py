"""One perspective of one reply as a row: mark, name, bar, value, spread, reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from chat.ui.marks import MARKS, figure, icon, share, spread
from chat.ui.markup import esc, paragraphs
from perm.types import BYSTANDER_PARTS, PART_RANGE, Method, Perspective, Unscored, Verdict

WHY_UNSCORED: Final[Mapping[Unscored, str]] = {
    Unscored.EMPTY: "There was nothing to judge.",
    Unscored.NO_ANALYSIS: "The model wrote no Analysis, so there is none to judge.",
    Unscored.NO_VERDICT: "The judge’s answer holds no score.",
    Unscored.OUT_OF_RANGE: "The judge gave a score outside the scale.",
    Unscored.BAD_TOTAL: "The judge’s total is not the sum of its parts.",
    Unscored.TRUNCATED: "The judge’s answer was cut off.",
    Unscored.REFUSED: "The judge declined to answer.",
    Unscored.LOW_MASS: "The judge hardly considered a score as its answer.",
    Unscored.BAD_NUMBER: "The judge’s score cannot be read as a number of the scale.",
    Unscored.ENGINE: "The judge could not be asked.",
    Unscored.UNSUPPORTED: "This judge cannot be asked in this way.",
    Unscored.CANCELLED: "Judging was ended before an answer came.",
}

PART_NAMES: Final[Mapping[str, str]] = {
    "effectiveness": "Content",
    "structure": "Structure",
    "efficiency": "Efficiency",
    "neutrality": "Neutrality",
    "accuracy": "Accuracy",
}


def row(
    perspective: Perspective,
    verdict: Verdict | None,
    reason: Verdict | None,
    pending: str,
    so_far: float | None = None,
) -> str:
    """`reason`: the latest verdict that gives one; `pending`: what a missing verdict waits for.

    `so_far`: a provisional score in place of the missing verdict.
    """
    bar = _bar(perspective, verdict)
    if verdict is None:
        value, body, state = "", f'<p class="pending">{esc(pending)}</p>', "none"
        if so_far is not None:
            value, bar, state = (
                _value_so_far(perspective, so_far),
                _outline(perspective, so_far),
                "so-far",
            )
    elif verdict.score is None:
        value, body, state = _dash(), _unscored(verdict), "unscored"
    else:
        value, body, state = _value(perspective, verdict.score), _scored(verdict, reason), "scored"
    mark = MARKS[perspective]
    return (
        f'<article class="seat-row {perspective.value} {state}">'
        f'<header>{icon(perspective)}<h3>{mark.name}</h3><span class="seat">{mark.seat}</span>'
        f"{value}</header>{bar}{body}</article>"
    )


def reason_for(perspective: Perspective, verdicts: Iterable[Verdict]) -> Verdict | None:
    """The latest scored verdict of this perspective that says why; `verdicts` oldest first."""
    found = None
    for verdict in verdicts:
        if verdict.perspective is perspective and verdict.scored and verdict.reason:
            found = verdict
    return found


def _value(perspective: Perspective, score: float) -> str:
    _, high = perspective.scale
    return (
        f'<span class="value">{figure(perspective, score)}'
        f'<small><span class="sr"> of </span><span aria-hidden="true">/</span>{high:.0f}</small>'
        "</span>"
    )


def _value_so_far(perspective: Perspective, score: float) -> str:
    return f'<span class="value"><small>so far</small> {figure(perspective, score)}</span>'


def _outline(perspective: Perspective, score: float) -> str:
    """A hollow bar. No meter: what changes with every sentence is not read out."""
    width = 100 * share(perspective, score)
    return (
        '<div class="bar" aria-hidden="true"><span class="fill" '
        f'style="width:{width:.1f}%;border-color:{MARKS[perspective].colour}"></span></div>'
    )


def _dash() -> str:
    return (
        '<span class="value dash"><span aria-hidden="true">–</span>'
        '<span class="sr">no score</span></span>'
    )


def _bar(perspective: Perspective, verdict: Verdict | None) -> str:
    if verdict is None or verdict.score is None:
        busy = " waiting" if verdict is None else ""
        return f'<div class="bar empty{busy}" aria-hidden="true"></div>'
    low, high = perspective.scale
    width = 100 * share(perspective, verdict.score)
    return (
        f'<div class="bar" role="meter" aria-label="{MARKS[perspective].name}" '
        f'aria-valuemin="{low:.0f}" aria-valuemax="{high:.0f}" '
        f'aria-valuenow="{verdict.score:.2f}">'
        f'<span class="fill" style="width:{width:.1f}%;background:{MARKS[perspective].colour}">'
        "</span></div>"
    )


def _unscored(verdict: Verdict) -> str:
    why = WHY_UNSCORED[verdict.unscored] if verdict.unscored else ""
    more = f'<p class="detail">{esc(verdict.error)}</p>' if verdict.error else ""
    retry = (
        ""
        if verdict.unscored in (Unscored.EMPTY, Unscored.NO_ANALYSIS)
        else f'<button type="button" class="quiet" data-action="rejudge" '
        f'data-value="{verdict.perspective.value}" '
        f'aria-label="Judge {MARKS[verdict.perspective].name} again">Retry</button>'
    )
    return f'<div class="why"><div><p>Unscored. {esc(why)}</p>{more}</div>{retry}</div>'


def _scored(verdict: Verdict, reason: Verdict | None) -> str:
    parts = _parts(verdict) if verdict.parts else ""
    levels = _levels(verdict) if verdict.distribution else ""
    return parts + levels + (_reason(verdict, reason) if reason else "")


def _levels(verdict: Verdict) -> str:
    """How sure the judge was, as small columns: the probability of each level."""
    distribution = verdict.distribution or {}
    if verdict.perspective is Perspective.BYSTANDER or not distribution:
        return ""
    tallest = max(distribution.values())
    columns = "".join(
        f'<i style="height:{max(6.0, 100 * part / tallest):.0f}%" '
        f'title="{esc(level)}: {100 * part:.0f} %"></i>'
        for level, part in sorted(distribution.items())
    )
    said = ", ".join(
        f"{esc(level)} at {100 * part:.0f} %" for level, part in sorted(distribution.items())
    )
    return (
        f'<p class="spread"><span class="columns" role="img" aria-label="Probability of each '
        f'level: {said}">{columns}</span><span>spread ± {spread(distribution):.1f}</span></p>'
    )


def _parts(verdict: Verdict) -> str:
    _, most = PART_RANGE
    given = verdict.parts or {}
    cells = "".join(
        f"<li><span>{PART_NAMES.get(name, esc(name))}</span><b>{given[name]:.0f}"
        f'<small><span class="sr"> of </span><span aria-hidden="true">/</span>{most:.0f}</small>'
        f'</b><i style="width:{100 * given[name] / most:.0f}%"></i></li>'
        for name in BYSTANDER_PARTS
        if name in given
    )
    return f'<ul class="parts" aria-label="The bystander’s five parts">{cells}</ul>'


def _reason(verdict: Verdict, reason: Verdict) -> str:
    apart = verdict.method is Method.DIRECT and reason.method is Method.REASONED
    note = ""
    if apart and reason.score is not None:
        gave = figure(reason.perspective, reason.score)
        note = (
            f'<p class="detail">Asked for apart from the score; with it the judge gave {gave}.</p>'
        )
    return f'<div class="reason">{paragraphs(reason.reason or "")}{note}</div>'
