"""How commands speak to people: calm errors, sizes that can be read, exit codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import typer

from perm.types import Part, PermError

P = ParamSpec("P")
T = TypeVar("T")

FAILED: Final = 1
USAGE: Final = 2
"""Exit code where a setting or an argument cannot be used."""
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells count it."""


def for_people(command: Callable[P, T]) -> Callable[P, T]:
    """Have the command end with two calm lines where it meets an error, not with a traceback."""

    @wraps(command)
    def calm(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except PermError as error:
            typer.echo(error.what, err=True)
            if error.todo:
                typer.echo(error.todo, err=True)
            raise typer.Exit(USAGE if error.part is Part.SETTINGS else FAILED) from None

    return calm


def size(count: float) -> str:
    """Bytes, in MB or GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
