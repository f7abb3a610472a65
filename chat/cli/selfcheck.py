"""`perm-chat selfcheck`: how far can this judge be trusted? On replies of known levels."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chat import engines
from chat.cli.options import with_settings
from chat.cli.score import until_ready
from chat.engines.scripted import NAME, NOT_A_JUDGE
from chat.scoring import method_for
from chat.serving import Serving
from chat.settings import Settings
from chat.store import Store
from perm import rubrics
from perm import selfcheck as checking
from perm.selfcheck_report import SelfCheckReport
from perm.selfcheck_set import SelfCheckSet, load
from perm.types import Perspective


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
    prompts = rubrics.load(settings.prompts_dir)
    engine = engines.build(settings, "judge")
    store = await Store.open(settings.database, data_dir=settings.data_dir)
    console = Console(stderr=True, highlight=False)
    try:
        await engine.start()
        serving = Serving.compose(settings, prompts, engine, engine)
        await until_ready(serving, console)
        if engine.name == NAME:
            console.print(NOT_A_JUDGE)
        method = method_for(settings.method, engine.capabilities)
        calls = max(len(Perspective), engine.capabilities.parallel)
        with _bar(console) as bar:
            task = bar.add_task("Judging", total=None)
            report = await checking.selfcheck(
                await serving.judge(),
                items,
                method,
                calls,
                rewarding=settings.reward,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        await store.save_selfcheck(
            engine.model_name, prompts.judges_hash, method, report.model_dump(mode="json")
        )
        return report
    finally:
        await engine.stop()
        await store.close()


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)
