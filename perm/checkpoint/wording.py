"""How names, figures and shapes from a checkpoint's files are written for people.

Names come from files that others wrote: they are shortened, and what cannot be printed is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Final

LONGEST_NAME: Final = 100
LONGEST_PATH: Final = 4096


def named(text: str, longest: int = LONGEST_NAME) -> str:
    """A name as it may be shown: printable signs alone, at most 100 of them unless told."""
    cut = text if len(text) <= longest else text[:longest] + "…"
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in cut)


def shown(value: object) -> str:
    """A value from JSON as it may be shown; lists and objects by their kind alone, since writing
    out what is nested deeply enough fails."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return named(value if isinstance(value, str) else json.dumps(value))


def listed(items: Collection[str], most: int = 3) -> str:
    """The first few and how many more: `a, b, c and 194 more`."""
    first = ", ".join(named(item) for item in list(items)[:most])
    rest = len(items) - most
    return f"{first} and {rest:,} more" if rest > 0 else first


def shaped(shape: Iterable[int]) -> str:
    """`152,064 × 3,584`; a tensor without dimensions is `one number`."""
    return " × ".join(f"{length:,}" for length in shape) or "one number"


def counted(number: int, noun: str, one: str = "", many: str = "") -> str:
    """`1 tensor`, `1,024 tensors`; with the two forms of a verb, `1 tensor is`, `2 tensors are`."""
    words = f"{number:,} {noun}" + ("" if number == 1 else "s")
    return f"{words} {agree(number, one, many)}".rstrip()


def agree(number: int, one: str, many: str) -> str:
    """The form of a verb that goes with that many."""
    return one if number == 1 else many
