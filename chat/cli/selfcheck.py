"""`perm-chat selfcheck`: how far can this judge be trusted, and can it be talked round?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from chat.cli.options import with_settings
from chat.cli.ready_judge import ReadyJudge, judging_bar, ready_judge
from chat.settings import Settings
from chat.store import Store
from perm import attack_set, attacks
from perm import selfcheck as checking
from perm.attack_report import AttackReport
from perm.attack_set import AttackSet
from perm.selfcheck import Progress
from perm.selfcheck_report import SelfCheckReport
from perm.selfcheck_set import SelfCheckSet, load

Found = TypeVar("Found", SelfCheckReport, AttackReport)


@with_settings
def selfcheck(
    settings: Settings,
    situations: Annotated[
        int | None, typer.Option(min=0, help="Only so many situations, for a quick look.")
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(min=0, help="Only so many warm-but-harmful pairs.")
    ] = None,
    attacked: Annotated[
        bool, typer.Option("--attacks", help="Try text that means to turn the judge, instead.")
    ] = False,
    attack: Annotated[
        list[str] | None, typer.Option(help="With --attacks: this one alone; may be repeated.")
    ] = None,
) -> None:
    """Judge the set that ships with perm-chat and say how well the judge told good from poor.

    The result is kept in the database and shown beside the scores of this judge. The set is one
    author's writing at levels of their own choosing; it shows what a judge cannot do better than
    what it can. It takes about 500 judge calls. With --attacks, hostile text is written into the
    same situations, and what it does to the scores is counted: about 3,000 calls, 150 for each
    situation. That an attack failed here promises nothing about another one.
    """
    whole = load()
    items = whole.first(
        len(whole.situations) if situations is None else situations,
        len(whole.pairs) if pairs is None else pairs,
    )
    if attacked or attack:
        known = attack_set.load()
        tried = known.only(frozenset(attack)) if attack else known
        typer.echo(asyncio.run(_kept(settings, _attacks(items, tried))).table())
    else:
        typer.echo(asyncio.run(_kept(settings, _levels(settings, items))).table())


async def kept_attacks(
    settings: Settings, situations: int, names: tuple[str, ...] = ()
) -> AttackReport:
    """What the command with --attacks does, for so many situations and, if named, these attacks."""
    known = attack_set.load()
    tried = known.only(frozenset(names)) if names else known
    return await _kept(settings, _attacks(load().first(situations, 0), tried))


Work = Callable[[ReadyJudge, Progress], Awaitable[Found]]


def _levels(settings: Settings, items: SelfCheckSet) -> Work[SelfCheckReport]:
    async def check(ready: ReadyJudge, progress: Progress) -> SelfCheckReport:
        return await checking.selfcheck(
            ready.judge,
            items,
            ready.method,
            ready.calls,
            rewarding=settings.reward,
            progress=progress,
        )

    return check


def _attacks(items: SelfCheckSet, tried: AttackSet) -> Work[AttackReport]:
    async def check(ready: ReadyJudge, progress: Progress) -> AttackReport:
        return await attacks.attack(
            ready.judge, items, tried, ready.method, ready.calls, progress=progress
        )

    return check


async def _kept(settings: Settings, check: Work[Found]) -> Found:
    """What a check found, once it is saved for the page."""
    store = await Store.open(settings.database, data_dir=settings.data_dir)
    console = Console(stderr=True, highlight=False)
    try:
        async with ready_judge(settings, console) as ready:
            with judging_bar(console) as bar:
                task = bar.add_task("Judging", total=None)
                found = await check(
                    ready, lambda done, total: bar.update(task, completed=done, total=total)
                )
            await store.save_selfcheck(
                ready.engine.model_name,
                ready.prompts.judges_hash,
                ready.method,
                found.model_dump(mode="json"),
            )
            return found
    finally:
        await store.close()
