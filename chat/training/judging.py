"""The judge of a training run: an engine by our settings, on a loop of its own beside the run.

Training blocks its thread for hours, and an engine that restarts its server, or a connection that
is kept, needs a loop that goes on turning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar

from chat import engines
from chat.engines.base import Engine
from chat.engines.openai import OpenAIEngine
from chat.engines.scripted import ScriptedEngine
from chat.scoring import method_for
from chat.serving import Serving
from chat.settings import Settings, environment
from perm import rubrics
from perm.training import Malformed, PermReward, TrainingError, judged_on
from perm.training.reward import RewardFunction
from perm.types import PUBLISHED_REWARD, Method, Perspective

T = TypeVar("T")
Tell = Callable[[str], None]


class Judging:
    """The reward, how TRL is to call it, and what judges."""

    def __init__(
        self, reward: PermReward, function: RewardFunction, engine: Engine, method: Method
    ) -> None:
        self.reward, self.function = reward, function
        self.engine, self.method = engine, method

    @property
    def scripted(self) -> bool:
        return isinstance(self.engine, ScriptedEngine)


@contextmanager
def judging(
    settings: Settings, malformed: Malformed, calls: int | None, tell: Tell
) -> Iterator[Judging]:
    """The judge while the run lasts. Raises `EngineError` if it will not come up."""
    engine = engines.build(settings, "judge")
    _refuse_one_a_process(engine)
    with _loop() as run:
        try:
            serving = run(_ready(settings, engine, tell))
            method = method_for(settings.method, engine.capabilities)
            reward = PermReward(
                run(serving.judge()),
                method=method,
                settings=settings.reward_or(PUBLISHED_REWARD),
                malformed=malformed,
                calls=calls or max(2 * len(Perspective), engine.capabilities.parallel),
            )
            yield Judging(reward, judged_on(run.loop, reward), engine, method)
        finally:
            run(engine.stop())


class _Run:
    """Runs a coroutine on the loop and waits for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


@contextmanager
def _loop() -> Iterator[_Run]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="judge", daemon=True)
    thread.start()
    try:
        yield _Run(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ready(settings: Settings, engine: Engine, tell: Tell) -> Serving:
    await engine.start()
    serving = Serving.compose(settings, rubrics.load(settings.prompts_dir), engine, engine)
    async for detail in serving.waiting_for_supporter():
        tell(detail)
    return serving


def _refuse_one_a_process(engine: Engine) -> None:
    """A run of many processes would start as many model servers as it has processes."""
    processes = int(environment("WORLD_SIZE") or 1)
    if processes > 1 and not isinstance(engine, OpenAIEngine | ScriptedEngine):
        raise TrainingError(
            f"Each of the {processes} processes would start a judge of its own.",
            "Start it once, as a server, and name it: --judge-base-url http://HOST:PORT/v1",
        )
