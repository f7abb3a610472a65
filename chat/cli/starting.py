"""Says on the terminal how an engine comes up: a bar where there is a terminal, else lines."""

from __future__ import annotations

import asyncio
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from chat.engines.base import Engine, Phase

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at the engine's state."""

STEPS: Final = 10
"""Without a terminal, a line is printed for each tenth of the way."""

SETTLED: Final = (Phase.READY, Phase.FAILED, Phase.STOPPED)


async def tell(engine: Engine, console: Console) -> None:
    """Tell until the engine is up, or will not be."""
    if console.is_terminal:
        await _bar(engine, console)
    else:
        await _lines(engine, console)
    state = engine.state
    if state.phase is Phase.READY:
        console.print(f"The model {engine.models[0].name} is ready.", highlight=False)
    elif state.phase is Phase.FAILED:
        console.print(f"{state.detail} {state.todo}".strip(), highlight=False)


async def _bar(engine: Engine, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("The model is being prepared.", total=None)
        while engine.state.phase not in SETTLED:
            state = engine.state
            total = None if state.progress is None else 1.0
            bar.update(task, description=state.detail, total=total, completed=state.progress or 0)
            await asyncio.sleep(LOOK_EVERY)


async def _lines(engine: Engine, console: Console) -> None:
    told: tuple[Phase, int | str] | None = None
    while engine.state.phase not in SETTLED:
        state = engine.state
        step = state.detail if state.progress is None else int(state.progress * STEPS)
        if state.detail and told != (state.phase, step):
            told = (state.phase, step)
            console.print(state.detail, highlight=False)
        await asyncio.sleep(LOOK_EVERY)
