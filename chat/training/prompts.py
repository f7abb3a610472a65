"""The prompts of a training run, from a file: the app's own export, or PERM's records.

An exported line has `prompt` (messages) and what the judges need beside it: `persona`, `scenario`,
`message`, `history`. A record of PERM's (`persona`, `scenario`, `dialogue`) is framed here, as the
app frames a conversation's first message.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chat.scoring import BadRecord, in_words
from chat.scoring.records import render_persona
from perm.rubrics import SupporterPrompt
from perm.types import Exchange, Value

PARQUET: Final = ".parquet"


class PromptFile(Value):
    """What a file holds. `rows` are TRL's; `sha256` is the file's."""

    rows: tuple[dict[str, Any], ...]
    sha256: str


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: str
    content: str = Field(min_length=1)


class Framed(BaseModel):
    """An exported prompt."""

    model_config = ConfigDict(extra="ignore")

    id: str = ""
    prompt: tuple[Message, ...] = Field(min_length=1)
    persona: str | dict[str, Any] = ""
    scenario: str = ""
    message: str = ""
    history: tuple[Exchange, ...] = ()


class Record(BaseModel):
    """One of PERM's records: `dialogue[0]` is the seeker's message."""

    model_config = ConfigDict(extra="ignore")

    id: str | int | None = None
    persona: str | dict[str, Any]
    scenario: str
    dialogue: tuple[str, ...] = Field(min_length=1)


def read_prompts(file: Path, supporter: SupporterPrompt) -> PromptFile:
    """All prompts of a JSONL or Parquet file. Raises `BadRecord`, which names the line."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadRecord(f"{file} cannot be read: {error.strerror}.", "Check its name.") from None
    values = _parquet(file) if file.suffix == PARQUET else _lines(content)
    rows = tuple(_row(value, number, supporter) for number, value in values)
    if not rows:
        raise BadRecord(f"{file} holds no prompts.", "Export some, or name another file.")
    return PromptFile(rows=rows, sha256=hashlib.sha256(content).hexdigest())


def _lines(content: bytes) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):  # bad UTF-8, bad JSON, endless digits or nesting
            raise BadRecord(f"Line {number} is not JSON in UTF-8.", "Correct the file.") from None


def _parquet(file: Path) -> Iterator[tuple[int, object]]:
    import pyarrow as pa  # noqa: PLC0415 - comes with the extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        why = f"{file} is not Parquet: {type(error).__name__}."
        raise BadRecord(why, "Name a JSONL or Parquet file.") from None
    yield from enumerate(table.to_pylist(), start=1)


def _row(value: object, number: int, supporter: SupporterPrompt) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadRecord(f"Line {number} is not an object.", "Correct the file.")
    given = {name: one for name, one in value.items() if one is not None}
    try:
        framed = (
            Framed.model_validate(given)
            if "prompt" in given
            else _framed(Record.model_validate(given), number, supporter)
        )
    except ValidationError as error:
        raise BadRecord(
            f"Line {number} is no prompt: {in_words(error.errors())}",
            "It takes an exported prompt, or persona, scenario and dialogue.",
        ) from None
    row = framed.model_dump()
    row["persona"] = render_persona(framed.persona)
    return row | {name: [*row[name]] for name in ("prompt", "history")}


def _framed(record: Record, number: int, supporter: SupporterPrompt) -> Framed:
    persona, message = render_persona(record.persona), record.dialogue[0]
    frame = supporter.frame(persona, record.scenario, message)
    return Framed(
        id=str(number if record.id is None else record.id),
        prompt=(
            Message(role="system", content=supporter.system),
            Message(role="user", content=frame),
        ),
        persona=persona,
        scenario=record.scenario,
        message=message,
    )
