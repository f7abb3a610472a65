"""How a record becomes a line, and what of it may be repeated.

Our own messages hold no word that was said, and a test looks for one. Other libraries promise no
such thing: a driver logs its statements with their values, a client its requests. Of theirs nothing
below a warning is let through, and of a warning only its pattern, without what was put into it. No
error's own text is repeated either, since it may quote; its type and the places in the code are.
"""

from __future__ import annotations

import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

SPEAKING: Final = ("chat", "perm", "app", "__main__", "uvicorn.error")
"""Whose messages are passed on as they are."""

NOT_REPEATED: Final = "(what another library says is not repeated)"


def may_speak(name: str) -> bool:
    """Whether a logger's messages are known to repeat nothing."""
    return any(name == one or name.startswith(f"{one}.") for one in SPEAKING)


def let_through(record: logging.LogRecord) -> bool:
    """A handler's filter."""
    return may_speak(record.name) or record.levelno >= logging.WARNING


def words(record: logging.LogRecord) -> str:
    """The message, as far as it may be repeated."""
    if may_speak(record.name):
        return record.getMessage()
    return str(record.msg) if record.args else NOT_REPEATED


def event_name(record: logging.LogRecord) -> str:
    """The event's own name where it has one, else its pattern as a name: the same each time."""
    given = getattr(record, "event", None)
    if isinstance(given, str):
        return given
    if not may_speak(record.name):
        return "logged"
    pattern = re.sub(r"%[^a-z]*[a-z]", " ", str(record.msg).lower())
    return "_".join(re.findall(r"[a-z]+", pattern)) or "logged"


def part(name: str) -> str:
    """The part of the program that a logger belongs to: store, engines, arena, uvicorn, ..."""
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] or first if first in ("chat", "perm") else first


def places(error: BaseException) -> str:
    """The types and places of an error and of those that it came from, without their texts."""
    told: list[str] = []
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        told.append(f"{type(one).__name__}\n{''.join(traceback.format_tb(one.__traceback__))}")
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))
    return "\n".join(told).rstrip()


class TextLines(logging.Formatter):
    """`LEVEL part: message`, with the event's own fields after it."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        line = f"{record.levelname} {record.name}: {words(record)}{fields}"
        fault = record.exc_info
        return f"{line}\n{places(fault[1])}" if fault and fault[1] else line


class JsonLines(JsonFormatter):
    """One object a line."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        log_data["level"] = record.levelname.lower()
        log_data["part"] = part(record.name)
        log_data["event"] = event_name(record)
        log_data["logger"] = record.name
        log_data["message"] = words(record)
        log_data |= fields_of(record)
        fault = record.exc_info
        if fault and fault[1]:
            log_data["error"] = type(fault[1]).__name__
            log_data["places"] = places(fault[1])


def fields_of(record: logging.LogRecord) -> dict[str, str | int | float | bool]:
    """What one of our own calls gave as `extra`, the event's name apart."""
    if not may_speak(record.name):
        return {}
    given = {
        name: value
        for name, value in record.__dict__.items()
        if name not in RESERVED_ATTRS and name not in {"event", "message", "color_message"}
    }
    plain = (str, int, float, bool)
    return {
        name: value if isinstance(value, plain) else str(value)
        for name, value in given.items()
        if value is not None
    }
