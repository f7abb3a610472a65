"""What the engines share that start a server of their own: it is watched and started again."""

from __future__ import annotations

import asyncio
import secrets
import time
from abc import abstractmethod
from pathlib import Path
from typing import Final

from chat.engines.base import Phase
from chat.engines.chat_openai import ServedChatModel
from chat.engines.child import Child
from chat.engines.probe import probe
from chat.engines.served import ServedEngine
from perm.types import Capabilities, EngineError, EngineFault

NOWHERE: Final = "http://127.0.0.1:9/v1"
"""An address that refuses, for the time before the server has one."""
ALIVE: Final = 60.0
"""Seconds after which a server that dies counts as one that had come up well."""
TRIES: Final = 4
"""Deaths in a row, each soon after the start, before it is given up."""


class OwnServerEngine(ServedEngine):
    """An engine whose server runs in a child process, with a new random key at each start.

    The server dies with us, whatever ends us, and is started again if it dies before; meanwhile
    calls wait.
    """

    def __init__(self, model_name: str, chat_model: ServedChatModel, log_file: Path) -> None:
        super().__init__(model_name, chat_model)
        self._log_file = log_file
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The child process, where there is one."""
        return self._child.pid if self._child else None

    async def stop(self) -> None:
        await super().stop()
        await self._chat_model.close()

    @abstractmethod
    async def _prepare(self) -> None:
        """Get what the server needs, the model above all. Done once."""

    @abstractmethod
    async def _launch(self, key: str) -> Child:
        """Start the child process; its server asks for that key."""

    @abstractmethod
    async def _address(self, child: Child) -> str | None:
        """Where it listens; None where it died while loading. Raises where it cannot load."""

    @abstractmethod
    async def _completed(self, found: Capabilities) -> Capabilities:
        """What the probe found, with what this kind of server is known to do."""

    async def _settle_in(self) -> None:
        """What is left to do before anybody is served, at each start of the server."""

    async def _serve(self) -> None:
        await self._prepare()
        deaths = 0
        while deaths < TRIES:
            came_up = await self._serve_once()
            deaths = 1 if came_up else deaths + 1
            self._tell(
                Phase.RESTARTING, "The model's server stopped without notice and is started again."
            )
            await asyncio.sleep(0.5 * 2**deaths)
        raise EngineError(
            EngineFault.NOT_READY,
            f"The model's server stopped {TRIES} times in a row.",
            "Often there is too little memory: close other programs, or set a smaller model or "
            f"context. What it said while loading is in {self._log_file}.",
        )

    async def _serve_once(self) -> bool:
        """From start to death. Whether it had been up for a while."""
        key = secrets.token_hex(16)
        async with await self._launch(key) as child:
            self._child = child
            try:
                address = await self._address(child)
                if address is None:
                    return False
                self._chat_model.move_to(f"{address}/v1", key)
                if not await self._tried_out():
                    return False
                await self._settle_in()
                self._chat_model.wait_for(self.ready)
                self._tell(Phase.READY, self._welcome)
                began = time.monotonic()
                await child.ended()
                return time.monotonic() - began > ALIVE
            finally:
                self._child = None

    @property
    def _welcome(self) -> str:
        return f"The model {self.model_name} is ready."

    def _coming_up(self, detail: str, progress: float | None = None) -> None:
        """How far it is, while it starts or starts again."""
        again = self._state.phase is Phase.RESTARTING
        self._tell(Phase.RESTARTING if again else Phase.STARTING, detail, progress=progress)

    async def _tried_out(self) -> bool:
        """Find out, once, what it can do. False where the server died of it."""
        if self._capabilities is not None:
            return True
        self._coming_up(f"The model {self.model_name} is being tried out.")
        try:
            found = await self._probed()
        except EngineError as error:
            if error.fault in (EngineFault.UNREACHABLE, EngineFault.CUT_OFF):
                return False
            raise
        self._capabilities = await self._completed(found)
        return True

    async def _probed(self) -> Capabilities:
        return await probe(self._chat_model)
