"""A judge for a command: its engine started and waited for, and stopped at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chat import engines
from chat.engines.base import Engine
from chat.engines.scripted import NAME, NOT_A_JUDGE
from chat.scoring import method_for
from chat.serving import Serving
from chat.settings import Settings
from perm import rubrics
from perm.judges import Judge
from perm.rubrics import Rubrics
from perm.types import Method, Perspective


@dataclass(frozen=True)
class ReadyJudge:
    """`calls`: how many judge calls its engine serves well at once."""

    judge: Judge
    engine: Engine
    prompts: Rubrics
    method: Method
    calls: int


@asynccontextmanager
async def ready_judge(settings: Settings, console: Console) -> AsyncIterator[ReadyJudge]:
    """The settings' judge, saying on `console` what it waits for. Raises `EngineError`."""
    prompts = rubrics.load(settings.prompts_dir)
    engine = engines.build(settings, "judge")
    try:
        await engine.start()
        serving = Serving.compose(settings, prompts, engine, engine)
        with console.status("The judge is getting ready") as status:
            async for detail in serving.waiting_for_supporter():
                status.update(detail)
        if engine.name == NAME:
            console.print(NOT_A_JUDGE)
        yield ReadyJudge(
            judge=await serving.judge(),
            engine=engine,
            prompts=prompts,
            method=method_for(settings.method, engine.capabilities),
            calls=max(len(Perspective), engine.capabilities.parallel),
        )
    finally:
        await engine.stop()


def judging_bar(console: Console) -> Progress:
    """How many judge calls are done, of how many."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)
