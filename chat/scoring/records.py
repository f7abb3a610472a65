"""A record to score: PERM's own (persona, scenario, dialogue), plus what a supporter wrote to it.

That is a `completion`, or its two parts, `analysis` and `response`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, model_validator

from perm.judges import contexts_for
from perm.parsing import SupporterOutput, split_output
from perm.types import Exchange, JudgeContext, Part, PermError, Perspective


class BadRecord(PermError):
    """A record that cannot be scored; `what` says why, without its content."""

    part = Part.INPUT


class Record(BaseModel):
    """One record to score. Further fields, such as a data set's own columns, are left alone.

    `dialogue[0]` is the seeker's message, as in PERM's data. `history`: earlier exchanges, each
    with `message` and `response`. `tokens`: the completion's length in tokens, which the reward's
    length term needs where it is switched on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str | StrictInt | None = None
    persona: str | dict[str, Any]
    scenario: str
    dialogue: tuple[str, ...] = Field(min_length=1)
    history: tuple[Exchange, ...] = ()
    completion: str | None = None
    analysis: str | None = None
    response: str | None = None
    tokens: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_way_of_giving_the_text(self) -> Self:
        parts = (self.analysis is not None) + (self.response is not None)
        if parts == (2 if self.completion is None else 0):
            return self
        raise ValueError("give either completion, or both analysis and response")

    @property
    def output(self) -> SupporterOutput:
        """What is judged, in its two parts."""
        if self.completion is not None:
            return split_output(self.completion)
        analysis, response = self.analysis or "", self.response or ""
        return SupporterOutput(analysis=analysis, response=response, formatted=bool(analysis))

    @property
    def contexts(self) -> dict[Perspective, JudgeContext]:
        """What each of the four judges sees."""
        persona = render_persona(self.persona)
        return contexts_for(persona, self.scenario, self.dialogue[0], self.output, self.history)


def read_line(line: bytes) -> Record:
    """A record from a line of JSONL. Raises `BadRecord`."""
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadRecord("it is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise BadRecord(f"it is not JSON: {error.msg} at character {error.pos}.") from None
    except RecursionError:
        raise BadRecord("it is nested too deeply.") from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise BadRecord("it holds a number that is too long.") from None
    return read_record(value)


def read_record(value: object) -> Record:
    """A record from parsed JSON. Raises `BadRecord`."""
    if not isinstance(value, dict):
        raise BadRecord("a record is a JSON object, with persona, scenario and dialogue.")
    try:
        return Record.model_validate(value)
    except ValidationError as error:
        raise BadRecord(in_words(error.errors())) from None


def in_words(errors: Sequence[Mapping[str, Any]]) -> str:
    """Pydantic's findings as one sentence, without the values that were sent."""
    found = []
    for error in errors:
        place = ".".join(str(step) for step in error["loc"] if step != "body")
        what = str(error["msg"]).removeprefix("Value error, ")
        found.append(f"{place}: {what}" if place else what)
    return "; ".join(found) + "."


def render_persona(persona: str | Mapping[str, Any]) -> str:
    """A persona as text: PERM's own `{"identity": text}` is that text, others a line a field."""
    if isinstance(persona, str):
        return persona
    if set(persona) == {"identity"} and isinstance(persona["identity"], str):
        return persona["identity"]
    return "\n".join(f"{_name(key)}: {_text(value)}" for key, value in persona.items())


def _name(key: str) -> str:
    return key.replace("_", " ").strip().capitalize()


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
