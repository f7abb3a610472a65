"""Is this line one of the two headings? Decided from as little of the line as possible.

A heading stands at the start of a line: marks, the word, marks. In falling order of certainty:

    # Analysis        any level of #, with or without text behind it on the line
    **Analysis**      alone on its line; bold or bare, with or without a colon
    **Response:** hi  in bold, or with a colon, and text behind it: `weak`, since prose can look so

Marks are whatever is neither letter nor digit, also a number such as `2.`, an HTML tag or a
terminal colour; not quotation marks, backticks, `>` or `|`, since a quoted heading is none.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from perm.types import Value

LONGEST_MARKS: Final = 120
"""Characters of marks before the word, and after it, beyond which the line is prose."""


class HeadingWord(StrEnum):
    ANALYSIS = "analysis"
    RESPONSE = "response"


class Heading(Value):
    """A heading; the text of its line begins at `end`."""

    word: HeadingWord
    weak: bool
    end: int


class Undecided(Value):
    """The line so far could still become a heading."""


_TAG: Final = r"</?[a-zA-Z][^<>\n]{0,80}>"
_COLOUR: Final = r"\x1b\[[0-9;]{0,12}m"
_MARKS_BEFORE: Final = re.compile(
    rf"(?:{_TAG}|{_COLOUR}|[0-9]{{1,2}}[.)]|_|[^\w<>|\"'`´“”„‘’«»\x1b])*"
)
_MARKS_AFTER: Final = re.compile(rf"(?:{_TAG}|{_COLOUR}|[*_#:： \t\-–—=~])*")
_UNFINISHED: Final = re.compile(
    r"<(?:/?(?:[a-zA-Z][^<>\n]{0,80})?)?|\x1b(?:\[[0-9;]{0,12})?|[0-9]{1,2}"
)
_BOLD: Final = re.compile(r"[*_<]")


def read_heading(line: str, ended: bool) -> Heading | Undecided | None:
    """What a line is, from its beginning (`ended`: this is all of it). None: prose.

    Once it is not `Undecided`, no longer beginning of the same line changes it.
    """
    before = _MARKS_BEFORE.match(line)
    start = before.end() if before else 0
    if start > LONGEST_MARKS:
        return None
    rest = line[start : start + 2 * LONGEST_MARKS]
    word = next((word for word in HeadingWord if rest[:8].casefold() == word), None)
    if word is None:
        return None if ended or not _could_begin(rest) else Undecided()
    return _after_word(word, line[:start], rest[8:], start + 8, ended)


def _could_begin(rest: str) -> bool:
    """Whether what follows the marks so far may yet be a mark or a heading's word."""
    begun = any(word.startswith(rest.casefold()) for word in HeadingWord)
    return begun or _UNFINISHED.fullmatch(rest) is not None


def _after_word(
    word: HeadingWord, before: str, rest: str, offset: int, ended: bool
) -> Heading | Undecided | None:
    found = _MARKS_AFTER.match(rest)
    marks = found[0] if found else ""
    if len(marks) > LONGEST_MARKS:
        return None
    text = rest[len(marks) :]
    if not ended and (not text or _UNFINISHED.fullmatch(text)):
        return Undecided()
    if text and not marks:
        return None  # "Analysis's", "responses"
    certain = "#" in before or not text
    bold = _BOLD.search(before) and _BOLD.search(marks)
    if certain or bold or ":" in marks or "：" in marks:
        return Heading(word=word, weak=not certain, end=offset + len(marks))
    return None
