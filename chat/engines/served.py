"""What engines share that come up in the background: a state, and a task that brings them up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from chat.engines.base import Engine, EngineState, Phase
from chat.engines.chat_openai import ServedChatModel
from perm.types import Capabilities, EngineError, EngineFault, PermError

log = logging.getLogger(__name__)

SHORTEST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 30.0

Result = TypeVar("Result")


class BackgroundEngine(Engine):
    """An engine that comes up in a task of its own.

    FAILED is not always the end: where the cause may pass (no network, a server that is not yet
    there) it is tried again, and the engine becomes READY without a restart of the app. Meanwhile
    `ready` raises at once, so that nobody waits without knowing what for.
    """

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name
        self._capabilities: Capabilities | None = None
        self._state = EngineState(phase=Phase.STOPPED, detail="It has not been started.")
        self._settled = asyncio.Event()
        self._settled.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities or Capabilities()

    @property
    def state(self) -> EngineState:
        return self._state

    async def start(self) -> None:
        if self._task is None or self._task.done():
            self._tell(Phase.STARTING, "It is starting.")
            self._task = asyncio.create_task(self._come_up(), name=f"engine {self.name}")

    async def ready(self) -> None:
        await self._settled.wait()
        if self._state.phase is not Phase.READY:
            raise EngineError(EngineFault.NOT_READY, self._state.detail, self._state.todo)

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tell(Phase.STOPPED, "It has been stopped.")

    @abstractmethod
    async def _serve(self) -> None:
        """Bring the model up, and keep it up until cancelled; raise where that cannot be."""

    def _tell(
        self, phase: Phase, detail: str, todo: str = "", progress: float | None = None
    ) -> None:
        """The new state; who waits in `ready` waits on while it is starting or restarting."""
        if phase is not self._state.phase:
            known = {"engine": self.name, "phase": phase.value}
            log.info("engine %s is %s", self.name, phase, extra={"event": "engine_phase", **known})
        self._state = EngineState(phase=phase, detail=detail, todo=todo, progress=progress)
        if phase in (Phase.STARTING, Phase.RESTARTING):
            self._settled.clear()
        else:
            self._settled.set()

    async def _come_up(self) -> None:
        try:
            await self._serve()
        except PermError as error:
            self._tell(Phase.FAILED, error.what, error.todo)
        except Exception:  # a task that dies unseen would leave everybody waiting
            log.exception("engine %s failed", self.name)
            self._tell(
                Phase.FAILED,
                "The model could not be started, for a reason that was not foreseen.",
                "Look at the log, and report what it says.",
            )

    async def _persist(self, what: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `what`, tried again and again where its failure may pass."""
        pause = SHORTEST_PAUSE
        while True:
            try:
                return await what()
            except EngineError as error:
                if not error.retryable:
                    raise
                wait = max(pause, min(error.retry_after or 0.0, 2 * LONGEST_PAUSE))
                todo = f"{error.todo} It is tried again every {wait:.0f} seconds.".strip()
                self._tell(Phase.FAILED, error.what, todo)
            await asyncio.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)


class ServedEngine(BackgroundEngine):
    """One whose model answers over HTTP."""

    def __init__(self, model_name: str, chat_model: ServedChatModel) -> None:
        super().__init__(model_name)
        self._chat_model = chat_model

    @property
    def chat_model(self) -> ServedChatModel:
        return self._chat_model
