"""`perm-chat score IN.jsonl --out OUT.jsonl`: four verdicts and a reward for every record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chat.cli.options import with_settings
from chat.cli.people import FAILED, INTERRUPTED
from chat.cli.ready_judge import ReadyJudge, ready_judge
from chat.engines.scripted import NAME, NOT_A_JUDGE
from chat.scoring import BadRecord, OutFile, Scorer, ScoreRun, Seats, Summary
from chat.settings import Settings


@with_settings
def score(
    settings: Settings,
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl", help="Records, one JSON a line.")],
    out: Annotated[Path, typer.Option("--out", metavar="OUT.jsonl", help="Where verdicts go.")],
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="Judge calls at once. Default: as many as make it faster, up to 64.",
            show_default=False,
        ),
    ] = None,
    raw: Annotated[bool, typer.Option(help="Also write what the judge said, in full.")] = False,
) -> None:
    """Score a file of records from four seats; it may be broken off and called again.

    IN: PERM's records (persona, scenario, dialogue; optional id, history, tokens), each with a
    completion, or with analysis and response. OUT: a line a record, in the order in which they
    are finished: id, line, the four perspectives, the reward or null. What OUT already holds is
    not judged again, except where a judge call had failed.

    Exit code: 0 if every record has its line in OUT, unscored ones included; 1 if some lines could
    not be read or the judge was lost; 2 for settings; 130 after Ctrl-C.
    """
    try:
        summary = asyncio.run(_score(settings, source, out, concurrency, raw))
    except KeyboardInterrupt:
        typer.echo("Stopped. What is in OUT stays; the same command goes on from there.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(in_words(summary, length_term=settings.reward.length_coefficient > 0))
    if summary.gave_up is not None:
        typer.echo(f"The judge failed for record after record: {summary.gave_up}", err=True)
        typer.echo("See perm-chat doctor; the same command then goes on from here.", err=True)
    if not summary.all_done:
        raise typer.Exit(FAILED)


def in_words(summary: Summary, *, length_term: bool = False) -> str:
    """Where every line has gone. `length_term`: whether the reward needs each record's tokens."""
    parts = [f"{summary.judged} judged"]
    if summary.unrewarded:
        why = "not all four could be scored"
        why += ", or tokens is missing for the length term" if length_term else ""
        parts[0] += f" ({summary.unrewarded} without a reward: {why})"
    for number, what in (
        (summary.already, "done before"),
        (summary.bad, "bad"),
        (summary.blank, "blank"),
    ):
        if number:
            parts.append(f"{number} {what}")
    lines = "1 line" if summary.lines == 1 else f"{summary.lines} lines"
    return f"{lines}: {', '.join(parts)}."


async def _score(
    settings: Settings, source: Path, out: Path, concurrency: int | None, raw: bool
) -> Summary:
    lines = _count_lines(source)
    _refuse_same(source, out)
    console = Console(stderr=True, highlight=False)
    async with ready_judge(settings, console) as ready:
        seats = Seats(concurrency, most=concurrency) if concurrency else Seats(ready.calls)
        scorer = Scorer(ready.judge, ready.method, settings.reward, seats)
        with _Bar(console, lines) as bar:
            file = OutFile(out, _about(ready))
            return await ScoreRun(scorer, file, bar, seats.most, raw=raw).run(source)


def _about(ready: ReadyJudge) -> dict[str, str]:
    """What judged, in every line of OUT: lines by different judges do not mix in one file."""
    about = {
        "engine": ready.engine.name,
        "model": ready.engine.model_name,
        "method": ready.method.value,
        "prompts": ready.prompts.judges_hash,
    }
    return {**about, "note": NOT_A_JUDGE} if ready.engine.name == NAME else about


def _count_lines(source: Path) -> int:
    try:
        with source.open("rb") as file:
            return sum(1 for _ in file)
    except OSError as error:
        raise BadRecord(f"{source} cannot be read: {error.strerror}.", "Check its name.") from None


def _refuse_same(source: Path, out: Path) -> None:
    if out.exists() and out.samefile(source):
        raise BadRecord("IN and OUT are the same file.", "Name another --out.")


class _Bar:
    """The progress bar, and the bad lines above it, on stderr."""

    def __init__(self, console: Console, lines: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("Scoring", total=lines)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def advanced(self) -> None:
        self._progress.advance(self._task)

    def bad_line(self, number: int, why: str) -> None:
        line = f"Line {number} is left out: {why}"
        self._progress.console.print(line, markup=False, soft_wrap=True)
