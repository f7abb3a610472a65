"""People's own ratings from a CSV file: seeker text, reply, perspective, rating."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chat.scoring.records import BadRecord
from perm.human_agreement import RatedReply
from perm.parsing import split_output
from perm.types import JudgeContext, Perspective

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "seeker": ("seeker text", "seeker", "message"),
    "reply": ("reply", "response"),
    "perspective": ("perspective",),
    "rating": ("rating", "score"),
}
"""The names each needed column may have, in any case, blanks or underscores alike."""

OPTIONAL: Final = ("persona", "scenario")
ANOTHER_NAME: Final = {"standby": Perspective.BYSTANDER}


def read_ratings(file: Path) -> tuple[RatedReply, ...]:
    """One entry for each reply and seat; the ratings that several people gave lie together.

    A reply in the supporter's own format is split: resonation is judged on its Analysis, the others
    on its Response. Without that format the whole reply is judged from every seat. Raises
    `BadRecord` for a file that cannot be used, with the line.
    """
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise BadRecord(f"{file} cannot be read: {error.strerror}.", "Check its name.") from None
    except UnicodeDecodeError:
        raise BadRecord(f"{file} is not UTF-8.", "Save it as CSV in UTF-8.") from None
    rows = csv.DictReader(text.splitlines(keepends=True), delimiter=_delimiter(text))
    columns = _columns(rows.fieldnames or [])
    found: dict[tuple[Perspective, JudgeContext], list[float]] = {}
    try:
        for row in rows:
            key, rating = _row(row, columns, rows.line_num)
            found.setdefault(key, []).append(rating)
    except csv.Error as error:
        raise BadRecord(f"Line {rows.line_num} of {file} is no CSV: {error}.") from None
    if not found:
        raise BadRecord(f"{file} holds no rating.", "One row a rating, below a line of names.")
    return tuple(
        RatedReply(perspective=seat, context=context, ratings=tuple(ratings))
        for (seat, context), ratings in found.items()
    )


def _delimiter(text: str) -> str:
    """The sign that parts the names in the first line: comma, semicolon or tab."""
    head = text.split("\n", 1)[0]
    return max(",;\t", key=head.count)


def _columns(names: object) -> dict[str, str]:
    """Which of the file's columns is which of ours."""
    there = {_plain(str(name)): str(name) for name in names} if isinstance(names, list) else {}
    found = {
        ours: there[name]
        for ours, known in COLUMNS.items()
        for name in reversed(known)
        if name in there
    }
    missing = [known[0] for ours, known in COLUMNS.items() if ours not in found]
    if missing:
        raise BadRecord(
            f"The file has no column named {', '.join(missing)}.",
            "Its first line names the columns: seeker text, reply, perspective, rating.",
        )
    return found | {name: there[name] for name in OPTIONAL if name in there}


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).lower()


def _row(
    row: Mapping[str, str | None], columns: Mapping[str, str], line: int
) -> tuple[tuple[Perspective, JudgeContext], float]:
    def cell(name: str) -> str:
        return (row.get(columns.get(name, "")) or "").strip()

    named = cell("perspective").lower()
    try:
        seat = ANOTHER_NAME.get(named) or Perspective(named)
    except ValueError:
        raise BadRecord(
            f"Line {line}: there is no perspective of that name.",
            f"They are {', '.join(Perspective)}.",
        ) from None
    reply = split_output(cell("reply"))
    analysed = reply.formatted and seat.rates_analysis
    context = JudgeContext(
        persona=cell("persona"),
        scenario=cell("scenario"),
        message=cell("seeker"),
        part=reply.analysis if analysed else reply.response,
    )
    return (seat, context), _rating(cell("rating"), line)


def _rating(text: str, line: int) -> float:
    try:
        rating = float(text.replace(",", "."))
    except ValueError:
        rating = math.nan
    if not math.isfinite(rating):
        raise BadRecord(f"Line {line}: its rating is not a number.", "Correct it, or take it out.")
    return rating
