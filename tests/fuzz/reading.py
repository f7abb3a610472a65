"""How a fuzzer's bytes become what a parser takes."""

from __future__ import annotations

import json
from typing import Any

NOT_JSON = object()


def text_of(data: bytes) -> str:
    """Any bytes are a text: UTF-8 with lone surrogates let through, else Latin-1."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def texts_of(data: bytes, count: int) -> list[str]:
    """So many texts, parted by 0xFF, which UTF-8 never holds."""
    parts = data.split(b"\xff", count - 1)
    return [text_of(part) for part in parts] + [""] * (count - len(parts))


def json_of(data: bytes) -> Any:
    """What the bytes are as JSON (with Python's NaN), or `NOT_JSON`."""
    try:
        return json.loads(text_of(data))
    except (ValueError, RecursionError):
        return NOT_JSON


def object_of(data: bytes) -> dict[str, Any] | None:
    """An object of JSON, or None."""
    found = json_of(data)
    return found if isinstance(found, dict) else None


def need(truth: object, what: str) -> None:
    """An assertion that `python -O` leaves in."""
    if not truth:
        raise AssertionError(what)
