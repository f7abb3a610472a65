"""`perm-chat backup` and `perm-chat restore`: a copy of the database, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from chat.cli.options import with_some_settings
from chat.settings import Settings, SettingsError, for_child
from chat.store import postgres_copies, sqlite_copies
from chat.store.location import Location, locate

SETTINGS: Final = ("database_url", "data_dir")


@with_some_settings(*SETTINGS)
def backup(
    settings: Settings,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="The copy, or a folder for it. Left out: the data folder, under a dated name.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Copy the database, also while perm-chat is running, and check the copy.

    The copy is for you alone to read (mode 0600) and not encrypted. It holds what is deleted after
    it was made: delete it too when that must be gone.

    Exit code: 0 if it was made and is whole.
    """
    place, folder = _place(settings), settings.data_dir
    if place.path is not None:
        made = sqlite_copies.back_up(place.path, file, folder, overwrite=overwrite)
    else:
        made = postgres_copies.back_up(place, file, folder, for_child(), overwrite=overwrite)
    typer.echo(f"Copied to {made.path}: {_rows(made.rows)}. It was read again and is whole.")
    typer.echo("It holds what is deleted from now on; delete it too when that must be gone.")


@with_some_settings(*SETTINGS)
def restore(
    settings: Settings,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What perm-chat backup wrote.")],
) -> None:
    """Put a copy back in the database's place. End perm-chat first.

    The copy is checked first. What is there now is kept in the data folder under a name with the
    date. A copy of an older version is upgraded at the next start.

    Exit code: 0 if it was put back; 1 if nothing was changed.
    """
    place, folder = _place(settings), settings.data_dir
    if place.path is not None:
        done = sqlite_copies.restore(file, place.path, folder)
    else:
        done = postgres_copies.restore(file, place, folder, for_child())
    typer.echo(f"Restored to {place}: {_rows(done.copy.rows)}.")
    if done.aside is not None:
        typer.echo(f"What was there is kept as {done.aside}.")
    typer.echo("What was deleted after the copy was made is back: delete it again.")


def _place(settings: Settings) -> Location:
    place = locate(settings.database)
    if place.in_memory:
        raise SettingsError("A database in memory has no copy.", "Name another --database-url.")
    return place


def _rows(rows: Mapping[str, int]) -> str:
    return ", ".join(
        f"{rows.get(name, 0):,} {several if rows.get(name, 0) != 1 else one}"
        for name, one, several in (
            ("conversation", "conversation", "conversations"),
            ("turn", "turn", "turns"),
            ("verdict", "verdict", "verdicts"),
        )
    )
