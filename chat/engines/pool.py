"""Several addresses that share the load of one model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from langchain_core.language_models import BaseChatModel

from chat.engines.balance import Balance
from chat.engines.base import Engine, EngineState, ModelChoice, Phase
from chat.engines.openai import OpenAIEngine
from chat.engines.pool_chat import PoolChatModel
from perm.types import Capabilities, EngineError, EngineFault

LOOK_EVERY: Final = 0.2
BRIEF: Final = 2.0
"""Seconds that the others are waited for once one server is ready."""

SETTLED: Final = (Phase.READY, Phase.FAILED, Phase.STOPPED)


class PooledServer:
    """One server as the pool sees it."""

    def __init__(self, engine: OpenAIEngine) -> None:
        self.engine = engine

    @property
    def chat_model(self) -> BaseChatModel:
        return self.engine.chat_model

    @property
    def usable(self) -> bool:
        return self.engine.state.phase is Phase.READY

    @property
    def prefix_options(self) -> Mapping[str, Any]:
        return self.engine.capabilities.prefix_options


class PoolEngine(Engine):
    """Servers of the same model behind one chat model.

    It is ready when one of them is; one that comes later joins. What they can do is what all that
    are ready can do: the judge must be asked the same way wherever it is asked.
    """

    def __init__(
        self, engines: Sequence[OpenAIEngine], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.engines = tuple(engines)
        self.name = self.engines[0].name
        self._servers = tuple(map(PooledServer, self.engines))
        self._chat_model = PoolChatModel(self._servers, Balance(len(self.engines), now))

    @property
    def model_name(self) -> str:  # type: ignore[override]
        return self._first.model_name

    @property
    def models(self) -> tuple[ModelChoice, ...]:
        """What every ready server offers, in the first one's order."""
        own, *others = self._first.models
        common = [{one.name for one in engine.models} for engine in self._ready]
        return own, *(one for one in others if all(one.name in names for names in common))

    @property
    def chat_model(self) -> PoolChatModel:
        return self._chat_model

    @property
    def capabilities(self) -> Capabilities:
        return weakest([engine.capabilities for engine in self._ready])

    @property
    def state(self) -> EngineState:
        states = [engine.state for engine in self.engines]
        up = len(self._ready)
        away = next((one for one in states if one.phase is not Phase.READY), None)
        if away is None:
            return EngineState(phase=Phase.READY, detail=f"All {up} servers are ready.")
        if up:
            detail = f"{up} of {len(states)} servers are ready. {away.detail}"
            return EngineState(phase=Phase.READY, detail=detail, todo=away.todo)
        coming = (one for one in states if one.phase in (Phase.STARTING, Phase.RESTARTING))
        return next(coming, away)

    async def start(self) -> None:
        for engine in self.engines:
            await engine.start()

    async def ready(self) -> None:
        """One is ready, and the others were waited for a moment, at the first time."""
        waiting = [asyncio.ensure_future(_ready_or_not(engine)) for engine in self.engines]
        try:
            left: set[asyncio.Future[None]] = set(waiting)
            while left and not self._ready:
                _, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            if left and not self._was_ready:
                await asyncio.wait(left, timeout=BRIEF)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if not self._ready:
            state = self.state
            raise EngineError(EngineFault.NOT_READY, state.detail, state.todo)
        self._was_ready = True

    _was_ready = False

    async def stop(self) -> None:
        for engine in self.engines:
            await engine.stop()

    @property
    def disagreements(self) -> tuple[str, ...]:
        """What the ready servers do not all do alike, in words; the weakest counts."""
        found = [engine.capabilities for engine in self._ready]
        words = {
            "logprobs": "log-probabilities",
            "assistant_prefix": "continuing an unfinished answer",
            "structured_choice": "answers in a prescribed form",
            "cached_tokens": "telling cached tokens",
        }
        unlike = [
            what for name, what in words.items() if len({getattr(c, name) for c in found}) > 1
        ]
        names = {engine.model_name for engine in self._ready}
        if len(names) > 1:
            unlike.append(f"the model itself ({', '.join(sorted(names))})")
        return tuple(unlike)

    @property
    def _ready(self) -> list[OpenAIEngine]:
        return [server.engine for server in self._servers if server.usable]

    @property
    def _first(self) -> OpenAIEngine:
        return next(iter(self._ready), self.engines[0])


def weakest(found: Sequence[Capabilities]) -> Capabilities:
    """What all of them can do; their calls at once add up."""
    if not found:
        return Capabilities()

    def least(values: Sequence[float | None]) -> float | None:
        return None if None in values else min(value for value in values if value is not None)

    contexts = [one.context_tokens for one in found if one.context_tokens]
    return Capabilities(
        logprobs=all(one.logprobs for one in found),
        top_logprobs=min(one.top_logprobs for one in found),
        assistant_prefix=all(one.assistant_prefix for one in found),
        structured_choice=all(one.structured_choice for one in found),
        schema_ignored=any(one.schema_ignored for one in found),
        cached_tokens=all(one.cached_tokens for one in found),
        priority=all(one.priority for one in found),
        context_tokens=min(contexts, default=None),
        parallel=sum(one.parallel for one in found),
        read_speed=least([one.read_speed for one in found]),
        write_speed=least([one.write_speed for one in found]),
    )


async def _ready_or_not(engine: OpenAIEngine) -> None:
    try:
        await engine.ready()
    except EngineError:
        return  # its state says why
