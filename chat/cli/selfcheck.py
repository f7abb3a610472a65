"""`perm-chat selfcheck`: how far can this judge be trusted? On replies of known levels."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from chat.cli.options import with_settings
from chat.cli.ready_judge import judging_bar, ready_judge
from chat.settings import Settings
from chat.store import Store
from perm import selfcheck as checking
from perm.selfcheck_report import SelfCheckReport
from perm.selfcheck_set import SelfCheckSet, load


@with_settings
def selfcheck(
    settings: Settings,
    situations: Annotated[
        int | None, typer.Option(min=0, help="Only so many situations, for a quick look.")
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(min=0, help="Only so many warm-but-harmful pairs.")
    ] = None,
) -> None:
    """Judge the set that ships with perm-chat and say how well the judge told good from poor.

    The result is kept in the database and shown beside the scores of this judge. The set is one
    author's writing at levels of their own choosing; it shows what a judge cannot do better than
    what it can. It takes about 500 judge calls.
    """
    whole = load()
    items = whole.first(
        len(whole.situations) if situations is None else situations,
        len(whole.pairs) if pairs is None else pairs,
    )
    report = asyncio.run(_selfcheck(settings, items))
    typer.echo(report.table())


async def _selfcheck(settings: Settings, items: SelfCheckSet) -> SelfCheckReport:
    store = await Store.open(settings.database, data_dir=settings.data_dir)
    console = Console(stderr=True, highlight=False)
    try:
        async with ready_judge(settings, console) as ready:
            with judging_bar(console) as bar:
                task = bar.add_task("Judging", total=None)
                report = await checking.selfcheck(
                    ready.judge,
                    items,
                    ready.method,
                    ready.calls,
                    rewarding=settings.reward,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
            await store.save_selfcheck(
                ready.engine.model_name,
                ready.prompts.judges_hash,
                ready.method,
                report.model_dump(mode="json"),
            )
            return report
    finally:
        await store.close()
