"""The direct method where an answer's form can be prescribed and its beginning cannot.

The schema leaves the judge nothing but the levels. Where the engine tells probabilities as well,
the place of the digit is read as any direct answer is; else the number itself counts. An engine
that honours a schema most of the time only is caught here: what does not fit it is no score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from perm.parsing_digits import LEVELS
from perm.parsing_verdicts import Reading
from perm.types import BYSTANDER_PARTS, PART_RANGE, Perspective, Unscored

LEVEL: Final = "level"


def schema_of(perspective: Perspective) -> Mapping[str, Any]:
    """The `response_format` of a direct verdict: the level, or the bystander's five numbers."""
    if perspective is Perspective.BYSTANDER:
        low, high = map(int, PART_RANGE)
        fields = dict.fromkeys(BYSTANDER_PARTS, tuple(range(low, high + 1)))
    else:
        fields = {LEVEL: tuple(map(int, LEVELS))}
    return {
        "type": "json_schema",
        "json_schema": {
            "name": "verdict",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {
                    name: {"type": "integer", "enum": list(values)}
                    for name, values in fields.items()
                },
                "required": list(fields),
                "additionalProperties": False,
            },
        },
    }


def read_structured(perspective: Perspective, raw: str, truncated: bool) -> Reading:
    """The numbers in the answer, if it has the form that was prescribed. Never raises."""
    bystander = perspective is Perspective.BYSTANDER
    names = BYSTANDER_PARTS if bystander else (LEVEL,)
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return Reading(unscored=Unscored.TRUNCATED if truncated else Unscored.NO_VERDICT)
    if not isinstance(told, dict) or set(told) != set(names):
        return Reading(unscored=Unscored.NO_VERDICT)
    low, high = PART_RANGE if bystander else perspective.scale
    wrong = [why for name in names if (why := _wrong(told[name], low, high))]
    if wrong:
        return Reading(unscored=wrong[0])
    numbers = {name: float(told[name]) for name in names}
    total = sum(numbers.values())
    return Reading(score=total, parts=numbers) if bystander else Reading(score=total)


def _wrong(number: object, low: float, high: float) -> Unscored | None:
    if isinstance(number, bool) or not isinstance(number, int):
        return Unscored.BAD_NUMBER
    return None if low <= number <= high else Unscored.OUT_OF_RANGE


def place_of_level(places: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The one place of the answer that holds the level; None where no token is a digit alone."""
    digits = [place for place in places if str(place.get("token", "")).strip() in LEVELS]
    return digits[-1] if len(digits) == 1 else None
