"""Hostile text made harmless for a judge's prompt: quoted line by line, its special tokens defused.

What is judged was written by others. Each of its lines carries the mark `| `, so that no line of it
can pass for one of the prompt's own, and no chat-template token of any family survives in it. Only
the judge's copy is changed; what is stored stays as it came.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MARK: Final = "| "
"""What every quoted line begins with. The rubrics tell the judge what it means."""

REPLACEMENT: Final = "\ufffd"

_ANGLES: Final = {ord(sign): "‹" for sign in "<＜﹤"} | {ord(sign): "›" for sign in ">＞﹥"}
# Compatibility forms as well: a tokeniser that normalises (NFKC) would make them ASCII.
_BRACKETED: Final = re.compile(r"[\[［][ \t]?(/?[^\W\d][\w\-]{0,39})[ \t]?[\]］]")
# [INST], [/INST], [AVAILABLE_TOOLS], [gMASK], [UNUSED_TOKEN_145]: one word in square brackets.

# Drawn as nothing, though Unicode files them under letters, marks or symbols.
_BLANK_LETTERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def quoted(text: str) -> str:
    """The text as the judge may see it: every line behind `| `, nothing in it that a model obeys.

    Never raises. Linear in the length of the text.
    """
    lines = visible(text).strip("\n").split("\n")
    return "\n".join(MARK + _defused(line) for line in lines)


def visible(text: str) -> str:
    """The text without what cannot be seen, every form of line break as `\\n`.

    Dropped: controls, zero-width and direction marks, variation selectors, blank letters. Lone
    surrogates become U+FFFD.
    """
    # str.splitlines knows them all: \\r, \\v, \\f, the separators, U+0085, U+2028, U+2029.
    return "\n".join("".join(filter(None, map(_visible_sign, line))) for line in text.splitlines())


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit, of any script, that can be seen."""
    return any(sign.isalnum() for sign in visible(text))


def _visible_sign(sign: str) -> str:
    if sign.isascii() and sign.isprintable():
        return sign
    if sign == "\t":
        return " "
    kind = unicodedata.category(sign)
    if kind == "Cs":
        return REPLACEMENT
    if kind in {"Cc", "Cf", "Cn"} or sign in _BLANK_LETTERS or _is_selector(sign):
        return ""
    return sign


def _is_selector(sign: str) -> bool:
    """Variation selectors: they can carry hidden bytes behind any visible sign."""
    return (
        "\ufe00" <= sign <= "\ufe0f"
        or "\u180b" <= sign <= "\u180f"
        or "\U000e0100" <= sign <= "\U000e01ef"
    )


def _defused(line: str) -> str:
    return _BRACKETED.sub(r"‹\1›", line).translate(_ANGLES)
