"""A study's prompts from JSONL: persona, scenario, message, one record a line.

PERM's own records are taken as they are: `persona` may be `{"identity": ...}`, and `dialogue[0]` is
the message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from chat.store.study_records import StudyPrompt
from perm.types import Part, PermError

MAX_PROMPTS: Final = 500
"""Of one study: two replies each, and a rater who reads all of them."""


class BadPrompts(PermError):
    """The file of a study's prompts cannot be used."""

    part = Part.INPUT


def read_prompts(text: str, max_chars: int) -> list[StudyPrompt]:
    """The prompts in their order. Raises `BadPrompts` that names the line."""
    found = [
        _prompt(number, line, max_chars)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    if not found:
        raise BadPrompts(
            "There is no prompt in it.",
            'Give one JSON record a line: {"persona": "", "scenario": "", "message": "..."}',
        )
    if len(found) > MAX_PROMPTS:
        raise BadPrompts(
            f"There are {len(found):,} prompts; a study takes at most {MAX_PROMPTS}.",
            "Leave some out, or make several studies.",
        )
    return found


def _prompt(number: int, line: str, max_chars: int) -> StudyPrompt:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise BadPrompts(f"Line {number} is not JSON.", "Correct it and try again.") from None
    if not isinstance(record, dict):
        raise BadPrompts(f"Line {number} is not a record.", "Write it as {...}.")
    values = {
        "persona": _text(record.get("persona"), "identity"),
        "scenario": _text(record.get("scenario")),
        "message": _message(record),
    }
    if not values["message"].strip():
        raise BadPrompts(f"Line {number} has no message.", 'Give it as "message".')
    long = next((name for name, value in values.items() if len(value) > max_chars), None)
    if long is not None:
        raise BadPrompts(
            f"The {long} in line {number} has more than {max_chars:,} characters.", "Shorten it."
        )
    return StudyPrompt(**values)


def _message(record: Mapping[str, Any]) -> str:
    if "message" in record:
        return _text(record["message"])
    dialogue = record.get("dialogue")
    return _text(dialogue[0]) if isinstance(dialogue, list) and dialogue else ""


def _text(value: object, key: str = "") -> str:
    if isinstance(value, dict) and key:
        value = value.get(key)
    return value if isinstance(value, str) else ""
