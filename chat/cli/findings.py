"""What doctor finds: one thing a line, how bad it is, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

from perm.types import PermError, Value


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, but
    PROBLEM = "problem"  # it will not work


class Finding(Value):
    """One line of doctor's: how bad, about what, what was found, what to do."""

    level: Level
    about: str
    what: str
    todo: str = ""


def ok(about: str, what: str) -> Finding:
    return Finding(level=Level.OK, about=about, what=what)


def warning(about: str, what: str, todo: str = "") -> Finding:
    return Finding(level=Level.WARNING, about=about, what=what, todo=todo)


def problem(about: str, what: str, todo: str = "") -> Finding:
    return Finding(level=Level.PROBLEM, about=about, what=what, todo=todo)


def of_error(about: str, error: PermError) -> Finding:
    return problem(about, error.what, error.todo)
