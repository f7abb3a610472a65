"""`perm-chat doctor`: is everything there, and what to do where it is not."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from chat.cli.checks import examine
from chat.cli.findings import Finding, Level
from chat.cli.options import with_settings
from chat.cli.people import FAILED
from chat.settings import Settings

STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}
WIDTH: Final = len(Level.WARNING.value)


@with_settings
def doctor(
    settings: Settings,
    quick: Annotated[bool, typer.Option("--quick", help="Start and ask no engine.")] = False,
) -> None:
    """Look at everything perm-chat needs, and say what to do where something is missing.

    Python, SQLite and its known faults, disk, prompts, database, port, model, and the engine with
    what it can do. Nothing is fetched. Exit code: 1 if there is a problem, 0 for warnings.
    """
    levels = asyncio.run(_examine(settings, quick))
    typer.echo(_summary(levels))
    if levels[Level.PROBLEM]:
        raise typer.Exit(FAILED)


async def _examine(settings: Settings, quick: bool) -> Counter[Level]:
    console = Console(highlight=False)
    levels: Counter[Level] = Counter()
    async for finding in examine(settings, quick=quick):
        levels[finding.level] += 1
        for line in _lines(finding):
            console.print(line, soft_wrap=True)
    return levels


def _lines(finding: Finding) -> list[Text]:
    """The finding, and under it what to do; each on one line, so that it can be searched."""
    mark = Text(finding.level.value.ljust(WIDTH), STYLES[finding.level])
    lines = [Text.assemble(mark, "  ", (finding.about, "bold"), ": ", finding.what)]
    if finding.todo:
        lines.append(Text(f"{' ' * WIDTH}  -> {finding.todo}"))
    return lines


def _summary(levels: Counter[Level]) -> str:
    problems, warnings = levels[Level.PROBLEM], levels[Level.WARNING]
    if problems:
        return "1 problem." if problems == 1 else f"{problems} problems."
    if warnings:
        return f"It works; {warnings} {'warning' if warnings == 1 else 'warnings'}."
    return "All is well."
