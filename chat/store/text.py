"""Text that every database takes.

People and models write characters that a database refuses: a NUL (PostgreSQL), half of a surrogate
pair (both; it is no Unicode text). Each becomes U+FFFD, the replacement character, so that the rest
is kept and one sees that something stood there. Two halves that belong together become their
character again: a model server may send them in two pieces.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

REPLACEMENT: Final = "\ufffd"


def storable(text: str) -> str:
    """The text with every NUL and every lone surrogate replaced by U+FFFD."""
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", REPLACEMENT)


def storable_json(value: object) -> object:
    """The same for all text inside a JSON value.

    JSON has no NaN and no infinity; they become the texts "NaN", "Infinity" and "-Infinity", which
    a float field of a record reads back as what they were.
    """
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
