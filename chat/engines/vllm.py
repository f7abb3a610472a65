"""The engine `vllm`: `vllm serve` from its own environment, started by us; or one that runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from langchain_core.messages import HumanMessage

from chat.engines import lora
from chat.engines.base import ModelChoice
from chat.engines.chat_openai import ServedChatModel
from chat.engines.child import Child
from chat.engines.openai import PATIENCE, OpenAIEngine, context_of
from chat.engines.own_server import NOWHERE, OwnServerEngine
from chat.engines.process_group import members
from chat.engines.vllm_command import Plan, Shape, command, options_of, variables
from chat.engines.vllm_environment import FOLDER, environment_in
from chat.engines.vllm_model import Servable, name_of, servable, source_of
from chat.settings import EngineName
from perm.types import Capabilities, EngineError, EngineFault

PROCESS: Final = "chat.engines.vllm_process"
SERVER: Final = "vLLM"

SILENCE: Final = 1800.0
"""Seconds without a step after which a start counts as stuck: a large download is one step."""

DYING: Final = 10.0
"""Seconds that killed processes are given to be gone."""

PARALLEL_ON_GPU: Final = 64
PARALLEL_ON_CPU: Final = 8


class Group(Child):
    """A child that leads a process group. Whatever ended it, nothing of the group is left."""

    async def __aexit__(self, *_: object) -> None:
        try:
            await super().__aexit__()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            await self._gone()

    async def _gone(self) -> None:
        """A process that holds gigabytes takes a moment to die; its memory is needed again."""
        patience = time.monotonic() + DYING
        while members(self.pid) and time.monotonic() < patience:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.05)


class VllmEngine(OwnServerEngine):
    """A model served by vLLM on this machine, with the LoRA adapters that fit it.

    `model`: a catalogue name, a folder, a GGUF file, a repository of the hub (`owner/name`), or
    empty for the default. `shape`: how it lies on the hardware. `options`: further words for
    `vllm serve`, as on a command line. `adapter`: the one that a conversation gets unless somebody
    chooses; empty for the backbone. `memory`: the part of the GPU's memory that it may take, 0
    to 1. Raises `SettingsError` for what cannot be.
    """

    name = EngineName.VLLM.value

    def __init__(
        self,
        model: str,
        *,
        models_dir: Path,
        log_file: Path,
        context_tokens: int,
        adapter: str = "",
        memory: float = 0.9,
        shape: Shape | None = None,
        options: str = "",
        environment: Path = FOLDER,
    ) -> None:
        self._source = source_of(model)
        self._models_dir = models_dir
        self._context_tokens = context_tokens
        self._adapter = adapter
        self._memory = memory
        self._shape = shape
        self._options = options_of(options)
        self._environment = environment
        self._plan: Plan | None = None
        name = name_of(self._source)
        chat_model = ServedChatModel.at(NOWHERE, "", name, server=SERVER, patience=PATIENCE)
        chat_model.say_priority(True)
        super().__init__(name, chat_model, log_file)

    @property
    def models(self) -> tuple[ModelChoice, ...]:
        adapters = self._plan.adapters if self._plan else ()
        return lora.offered(self.model_name, adapters, self._adapter)

    async def _prepare(self) -> None:
        place = environment_in(self._environment)

        async def look() -> Servable:
            return await servable(self._source, self._models_dir, place, self._coming_up)

        model = await self._persist(look)
        self.model_name = self._chat_model.model_name = model.name
        names = (model.name, model.place, *model.also)
        adapters = await lora.adapters_for(names, self._models_dir)
        lora.ensure_there(adapters, self._adapter, model.name)
        self._plan = Plan(environment=place, model=model, adapters=adapters, shape=self._shape)

    async def _launch(self, key: str) -> Child:
        plan = self._prepared
        words = command(plan, self._context_tokens, self._memory, self._options)
        work = {"command": words, "variables": variables(plan, key)}
        return await Group.start(PROCESS, work, self._log_file)

    async def _address(self, child: Child) -> str | None:
        while True:
            try:
                told = await asyncio.wait_for(child.told(), SILENCE)
            except TimeoutError:
                told = {"refused": True, "what": "vLLM stopped saying anything.", "todo": ""}
            if told.get("refused"):
                raise EngineError(
                    EngineFault.NOT_READY,
                    told["what"],
                    f"{told['todo']} What vLLM said is in {self._log_file}.".strip(),
                )
            if not told or "address" in told:
                return told.get("address")
            self._coming_up(told["detail"], told.get("progress"))

    async def _probed(self) -> Capabilities:
        """After a first call, which is slow on any server and would be taken for its speed."""
        await self._chat_model.ainvoke([HumanMessage("Hello.")], max_tokens=4, temperature=0)
        return await super()._probed()

    async def _completed(self, found: Capabilities) -> Capabilities:
        cards = await self._chat_model.root_async_client.models.list()
        on_gpu = self._prepared.environment.on_gpu
        return found.model_copy(
            update={
                "context_tokens": context_of(cards.data[0].model_dump()),
                "parallel": PARALLEL_ON_GPU if on_gpu else PARALLEL_ON_CPU,
                "priority": True,
            }
        )

    @property
    def _welcome(self) -> str:
        return f"{super()._welcome} {self._prepared.model.note}".strip()

    @property
    def _prepared(self) -> Plan:
        if self._plan is None:
            raise AssertionError("_prepare comes first")
        return self._plan


class RunningVllmEngine(OpenAIEngine):
    """A vLLM that somebody else started, by its address. Its adapters can be asked for as well."""

    name = EngineName.VLLM.value

    async def _find_out(self) -> None:
        await super()._find_out()
        self._capabilities = self.capabilities.model_copy(update={"parallel": PARALLEL_ON_GPU})

    @staticmethod
    def _is_vllm(_: Mapping[str, Any]) -> bool:
        return True  # said by whoever set the engine, whatever stands in between
