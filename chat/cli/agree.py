"""`perm-chat agree`: this judge against anybody's own ratings of replies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from chat.cli.options import with_settings
from chat.cli.ready_judge import judging_bar, ready_judge
from chat.scoring.ratings_file import read_ratings
from chat.settings import Settings
from perm.human_agreement import AgreementReport, RatedReply, agreement, table


@with_settings
def agree(
    settings: Settings,
    ratings: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", help="Columns: seeker text, reply, perspective, rating."
        ),
    ],
) -> None:
    """Judge replies that people have rated and say how far the judge agrees with them.

    FILE: one row a rating, on any scale; rows of the same reply and perspective are different
    people's and are averaged. Columns persona and scenario are used where they are there. Only the
    order of ratings counts: the figures are Spearman's rank correlation with its 95 % interval,
    and how often of two replies the judge puts the better one first.
    """
    rated = read_ratings(ratings)
    typer.echo(table(asyncio.run(_agree(settings, rated))))


async def _agree(settings: Settings, rated: Sequence[RatedReply]) -> tuple[AgreementReport, ...]:
    console = Console(stderr=True, highlight=False)
    async with ready_judge(settings, console) as ready:
        with judging_bar(console) as bar:
            task = bar.add_task("Judging", total=len(rated))
            return await agreement(
                ready.judge,
                rated,
                ready.method,
                ready.calls,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
