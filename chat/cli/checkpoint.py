"""What the checkpoint check found, in words on the terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from perm.checkpoint import CheckpointReport, examine


def is_checkpoint(name: str) -> bool:
    """Whether this means a folder or a repository of the hub, not a name of the catalogue."""
    return "/" in name or Path(name).is_dir()


def tell_of(source: str) -> bool:
    """Examine a checkpoint and say what was found; whether it is sound."""
    report = asyncio.run(examine(Path(source) if Path(source).is_dir() else source))
    for line in in_words(report):
        typer.echo(line)
    return report.ok


def in_words(report: CheckpointReport) -> list[str]:
    """The verdict, each problem with what to do, and what could not be checked."""
    verdict = "sound" if report.ok else "not fit to be served"
    about = f"{report.source}: {verdict}"
    if report.parameters_found is not None:
        about += f"; {report.parameters_found:,} parameters found"
    if report.parameters_expected is not None:
        about += f", {report.parameters_expected:,} expected"
    lines = [about + "."]
    for problem in report.problems:
        lines += [f"  {problem.what}", f"  {problem.todo}"]
    return lines + [f"  Note: {note}" for note in report.notes]
