"""A judge's words read as a verdict: the last one binds, a quoted one never does, none is guessed.

Every reading is a score with its reason or parts, or why there is none. Time is linear in the text:
each line is looked at by itself, with expressions that have nothing to try twice.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from perm.types import BYSTANDER_PARTS, PART_RANGE, Perspective, Unscored, Value

LONGEST_LABEL: Final = 60
"""Characters before a colon beyond which they are a sentence and not a label."""

_THINK: Final = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_FENCE: Final = re.compile(r"[ \t]*(```|~~~)")
_QUOTED_LINE: Final = re.compile(r"\s*(?:[-*•]\s+)?[>|\"'`“”„‟‘’‚«»‹›]")
_QUOTATION: Final = re.compile(r'"[^"]*"|“[^“”]*”|«[^«»]*»')
_LABELLED: Final = re.compile(r"([^:：=]*)[:：=](.*)")
_DECORATION: Final = " \t*_#-–—•[]()"
_NUMBER: Final = re.compile(r"([-−]?)([0-9]+)(.*)")
_OUT_OF: Final = re.compile(r"[\s\])*_]*(?:/|out of|of)[\s\[(*_]*([0-9]+)(.*)", re.IGNORECASE)
_REASONS: Final = frozenset({"reason", "reasons", "reasoning", "rationale"})
_SCORES: Final = frozenset({"score", "final score", "overall score", "my score"})
_TOTALS: Final = frozenset({"total", "total score", "final total", "overall total"})
_REFUSAL: Final = re.compile(
    r"\b(?:I (?:cannot|can ?not|can['’]?t|won['’]?t|will not|am unable|am not able|must decline)"
    r"|I['’]m (?:unable|not able|sorry, but)|as an AI)\b",
    re.IGNORECASE,
)
_BETWEEN_FIVE: Final = re.compile(r"\s*[,;/|]\s*|\s+")


class Reading(Value):
    """What a judge's output says: a score, or why none (`unscored`).

    `score`: 1 to 5, whole; the bystander's total 0 to 100, with its five `parts` (0 to 20, whole).
    """

    score: float | None = None
    parts: Mapping[str, float] | None = None
    reason: str | None = None
    unscored: Unscored | None = None


class _NoScore(Exception):
    def __init__(self, why: Unscored) -> None:
        super().__init__(why)
        self.why = why


class _Line(NamedTuple):
    """A line in the judge's own words; `label` is set where it has the form `label: value`."""

    text: str
    label: str
    value: str


def read_reasoned(perspective: Perspective, raw: str, truncated: bool) -> Reading:
    """The reasoned method's verdict. `truncated`: the engine cut the output off. Never raises."""
    answer = _without_thoughts(raw)
    if truncated or answer is None:
        return Reading(unscored=Unscored.TRUNCATED)
    lines = list(_own_lines(answer))
    bystander = perspective is Perspective.BYSTANDER
    reason = (_assessment(lines) if bystander else _reason(lines)) or None
    try:
        if bystander:
            parts = _parts(lines)
            return Reading(score=sum(parts.values()), parts=parts, reason=reason)
        return Reading(score=_last(lines, _SCORES, (1, 5)), reason=reason)
    except _NoScore as none:
        refused = none.why is Unscored.NO_VERDICT and _REFUSAL.search(answer)
        return Reading(unscored=Unscored.REFUSED if refused else none.why, reason=reason)


def read_parts(raw: str, truncated: bool) -> Reading:
    """The bystander's direct form: five whole numbers from 0 to 20 on one line, nothing else."""
    if truncated:
        return Reading(unscored=Unscored.TRUNCATED)
    words = _BETWEEN_FIVE.split(raw.strip().rstrip("."))
    if len(words) != len(BYSTANDER_PARTS) or "\n" in raw.strip():
        return Reading(unscored=_precisely(Unscored.NO_VERDICT, raw))
    try:
        values = [_bare(word, PART_RANGE) for word in words]
    except _NoScore as none:
        return Reading(unscored=_precisely(none.why, raw))
    return Reading(score=sum(values), parts=dict(zip(BYSTANDER_PARTS, values, strict=True)))


def read_digit(raw: str) -> Reading:
    """The direct method without probabilities: the level alone, perhaps behind `Score:`."""
    line = _labelled(raw.strip())
    text = line.value if line.label in _SCORES else line.text
    try:
        return Reading(score=_bare(text.strip("*. "), (1, 5)))
    except _NoScore as none:
        return Reading(unscored=_precisely(none.why, raw))


def _without_thoughts(raw: str) -> str | None:
    """The text without its closed think blocks; None if one is left open.

    A lone end tag drops all before it: the opening one can stand in the chat template.
    """
    kept: list[str] = []
    start, inside = 0, False
    for tag in _THINK.finditer(raw):
        if tag[1] and not inside:
            kept.clear()
        elif not inside:
            kept.append(raw[start : tag.start()])
        inside = not tag[1]
        start = tag.end()
    return None if inside else "".join(kept) + raw[start:]


def _own_lines(text: str) -> Iterator[_Line]:
    """The lines in the judge's own words: outside code fences and quotations."""
    quotations = deque(found.span() for found in _QUOTATION.finditer(text))
    fence, position = "", 0
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        while quotations and quotations[0][1] <= start:
            quotations.popleft()
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
            continue
        inside = quotations and quotations[0][0] < start
        if not (fence or inside or _QUOTED_LINE.match(line)):
            yield _labelled(line.strip())


def _labelled(text: str) -> _Line:
    found = _LABELLED.fullmatch(text)
    if not found or len(found[1]) > LONGEST_LABEL:
        return _Line(text, "", "")
    label = " ".join(found[1].partition("(")[0].strip(_DECORATION).casefold().split())
    return _Line(text, label, found[2].strip())


def _last(lines: list[_Line], labels: frozenset[str], scale: tuple[float, float]) -> float:
    """The number on the last line with one of these labels, and on no earlier one if it is bad."""
    values = [line.value for line in lines if line.label in labels]
    if not values:
        raise _NoScore(Unscored.NO_VERDICT)
    return _number(values[-1], scale)


def _parts(lines: list[_Line]) -> dict[str, float]:
    """The five parts, the last line of each, checked against the total."""
    named = [(_part_named(line.label), line.value) for line in lines]
    values = {part: value for part, value in named if part}
    if set(values) != set(BYSTANDER_PARTS):
        raise _NoScore(Unscored.NO_VERDICT)
    parts = {part: _number(values[part], PART_RANGE) for part in BYSTANDER_PARTS}
    if _last(lines, _TOTALS, (0, 100)) != sum(parts.values()):
        raise _NoScore(Unscored.BAD_TOTAL)
    return parts


def _part_named(label: str) -> str | None:
    """The part that a label such as `2. logical structure and clarity` names."""
    words = label.split()
    named = [part for part in BYSTANDER_PARTS if part in words]
    return named[0] if len(named) == 1 and len(words) <= 5 else None


def _number(value: str, scale: tuple[float, float]) -> float:
    """The whole number that a value begins with: `4`, `[4]`, `4/5`, `4 out of 5`, `4 (warm)`.

    Behind a number without its scale no other may stand: `4 or 5`, `3.5`, `1_000` are none.
    """
    low, high = scale
    found = _NUMBER.match(value.lstrip(" \t*_[("))
    if not found:
        raise _NoScore(Unscored.BAD_NUMBER)
    behind = found[3]
    if out_of := _OUT_OF.match(behind):
        behind = out_of[2]
        if out_of[1] != f"{high:.0f}":
            raise _NoScore(Unscored.BAD_TOTAL if high == 100 else Unscored.BAD_NUMBER)
        if re.match(r"[.,]?\w", behind):
            raise _NoScore(Unscored.BAD_NUMBER)
    elif re.match(r"\w", behind.lstrip("_*")) or any(map(str.isnumeric, behind)):
        raise _NoScore(Unscored.BAD_NUMBER)
    return _within(found[1] + found[2], low, high)


def _bare(text: str, scale: tuple[float, float]) -> float:
    """A whole number that stands alone."""
    found = _NUMBER.fullmatch(text)
    if not found or found[3]:
        raise _NoScore(Unscored.BAD_NUMBER)
    return _within(found[0], *scale)


def _within(digits: str, low: float, high: float) -> float:
    # Longer than any scale: refused before int(), which refuses very long ones by an exception.
    if not digits.isdigit() or len(digits) > 6 or not low <= int(digits) <= high:
        raise _NoScore(Unscored.OUT_OF_RANGE)
    return float(digits)


def _precisely(why: Unscored, raw: str) -> Unscored:
    """Why an answer that should hold numbers alone does not: bad ones, other words, a refusal."""
    if why is Unscored.OUT_OF_RANGE:
        return why
    if _REFUSAL.search(raw):
        return Unscored.REFUSED
    numeric = any(map(str.isnumeric, raw)) or "nan" in raw.casefold()
    return Unscored.BAD_NUMBER if numeric else Unscored.NO_VERDICT


def _reason(lines: list[_Line]) -> str:
    """The words behind the last `Reason:`, up to a score; without one, all but the scores."""
    start = max((n for n, line in enumerate(lines) if line.label in _REASONS), default=None)
    words: list[str] = []
    for line in lines[start or 0 :]:
        if line.label not in _SCORES:
            said = line.value.lstrip("*_ ") if line.label in _REASONS else line.text
            words.append(said)
        elif start is not None:
            break
    return "\n".join(words).strip()


def _assessment(lines: list[_Line]) -> str:
    """The bystander's words: everything but the total."""
    return "\n".join(line.text for line in lines if line.label not in _TOTALS).strip()
