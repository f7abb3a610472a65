"""The columns of each format, said once: for the files' types, the card, and what is redacted."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from chat.export.order import Format
from perm.types import Perspective


class Kind(StrEnum):
    NAME = "name"  # a word or an id of ours
    TEXT = "text"  # what people and models wrote
    NUMBER = "number"
    WHOLE = "whole"
    FLAG = "flag"
    MESSAGES = "messages"  # role, content
    EXCHANGES = "exchanges"  # message, response


class Column(NamedTuple):
    name: str
    kind: Kind


INNER: Final = {Kind.MESSAGES: ("role", "content"), Kind.EXCHANGES: ("message", "response")}
"""The fields, all text, of the two kinds that are lists."""

_DTYPE: Final = {
    Kind.NAME: "string",
    Kind.TEXT: "string",
    Kind.NUMBER: "float64",
    Kind.WHOLE: "int64",
    Kind.FLAG: "bool",
}


def _columns(kind: Kind, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name in names)


_WHERE: Final = (
    *_columns(Kind.NAME, "id", "conversation_id"),
    Column("turn", Kind.WHOLE),
    Column("prompt_hash", Kind.NAME),
)
_PAIR: Final = (
    *_columns(Kind.NAME, "source", "strength", "model", "rejected_model"),
    Column("reward_gap", Kind.NUMBER),
)
_HUMAN: Final = tuple(f"human_{seat.value}" for seat in Perspective)

COLUMNS: Final[dict[Format, tuple[Column, ...]]] = {
    Format.GRPO: (
        Column("prompt", Kind.MESSAGES),
        *_columns(Kind.TEXT, "persona", "scenario"),
        Column("history", Kind.EXCHANGES),
        Column("message", Kind.TEXT),
        *_WHERE,
    ),
    Format.PREFERENCE: (*_columns(Kind.MESSAGES, "prompt", "chosen", "rejected"), *_WHERE, *_PAIR),
    Format.REWARD: (*_columns(Kind.MESSAGES, "chosen", "rejected"), *_WHERE, *_PAIR),
    Format.UNPAIRED: (
        *_columns(Kind.MESSAGES, "prompt", "completion"),
        Column("label", Kind.FLAG),
        *_WHERE,
        Column("model", Kind.NAME),
        Column("raters", Kind.WHOLE),
    ),
    Format.SFT: (
        *_columns(Kind.MESSAGES, "prompt", "completion"),
        *_WHERE,
        *_columns(Kind.NAME, "source", "model"),
        Column("reward", Kind.NUMBER),
    ),
    Format.SCORES: (
        *_WHERE,
        *_columns(Kind.TEXT, "persona", "scenario", "message", "analysis", "response"),
        Column("model", Kind.NAME),
        *_columns(Kind.NUMBER, *(seat.value for seat in Perspective), "reward"),
        *_columns(Kind.NAME, "judge_model", "judge_prompts", "method"),
        *_columns(Kind.NUMBER, "thumb", *_HUMAN),
        Column("raters", Kind.WHOLE),
    ),
}


def card_features(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """The types as a dataset card says them, so that an empty column keeps its type."""
    return [
        {"name": name, "list": [{"name": field, "dtype": "string"} for field in INNER[kind]]}
        if kind in INNER
        else {"name": name, "dtype": _DTYPE[kind]}
        for name, kind in columns
    ]
