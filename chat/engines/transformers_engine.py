"""The engine `transformers`: a model in this process, on a GPU where there is one."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from langchain_core.messages import HumanMessage

from chat.engines import lora
from chat.engines.base import ModelChoice, Phase
from chat.engines.in_process.worker import Worker
from chat.engines.lora import Adapter
from chat.engines.probe import probe
from chat.engines.served import BackgroundEngine
from chat.engines.transformers_chat import TransformersChatModel
from chat.engines.vllm_model import Servable, name_of, servable, source_of
from chat.settings import EngineName, SettingsError
from perm.types import EngineError, EngineFault, Value

if TYPE_CHECKING:
    from chat.engines.in_process.loading import Loaded

NEEDED: Final = ("torch", "transformers", "accelerate", "gguf", "peft")
INSTALL: Final = "pip install 'perm-chat[transformers]'"

PARALLEL: Final = 8
"""Calls that are served at once: `chat.engines.in_process.lane.MOST_ROWS`."""


class ThisEnvironment(Value):
    """The environment that we run in, as one that a model is prepared for."""

    python: Path
    on_gpu: bool


class TransformersEngine(BackgroundEngine):
    """A model that torch runs in a thread of this process, with the LoRA adapters that fit it.

    `model`, `adapter`: as for the engine vllm. `memory`: the part of a GPU's memory that it may
    take, 0 to 1. Raises `SettingsError` for what cannot be, and where torch is not installed.
    """

    name = EngineName.TRANSFORMERS.value

    def __init__(
        self,
        model: str,
        *,
        models_dir: Path,
        context_tokens: int,
        adapter: str = "",
        memory: float = 0.9,
        threads: int = 0,
    ) -> None:
        _need_libraries()
        self._source = source_of(model)
        self._models_dir = models_dir
        self._context_tokens = context_tokens
        self._memory = memory
        self._threads = threads
        self._adapter = adapter
        self._adapters: tuple[Adapter, ...] = ()
        self._worker: Worker | None = None
        name = name_of(self._source)
        self._chat_model = TransformersChatModel(model_name=name)
        super().__init__(name)

    @property
    def chat_model(self) -> TransformersChatModel:
        return self._chat_model

    @property
    def models(self) -> tuple[ModelChoice, ...]:
        return lora.offered(self.model_name, self._adapters, self._adapter)

    async def _serve(self) -> None:
        model = await self._persist(self._servable)
        self.model_name = self._chat_model.model_name = model.name
        names = (model.name, model.place, *model.also)
        self._adapters = await lora.adapters_for(names, self._models_dir)
        worker = self._worker = Worker(partial(self._load, model, asyncio.get_running_loop()))
        worker.start()
        try:
            loaded = await asyncio.wrap_future(worker.loaded)
            self._adapters = tuple(one for one in self._adapters if one.name in loaded.adapters)
            lora.ensure_there(self._adapters, self._adapter, model.name)
            self._chat_model.serve_with(worker, loaded.adapters)
            self._tell(Phase.STARTING, f"The model {model.name} is being tried out.")
            await self._try_out(loaded)
            self._tell(Phase.READY, f"The model {model.name} is ready. {model.note}".strip())
            await asyncio.wrap_future(worker.ended)
            raise EngineError(
                EngineFault.NOT_READY, "The model's thread ended.", "Start the app again."
            )
        finally:
            self._chat_model.serve_with(None)
            await asyncio.to_thread(worker.stop)

    async def _servable(self) -> Servable:
        on_gpu = await asyncio.to_thread(_has_gpu)
        place = ThisEnvironment(python=Path(sys.executable), on_gpu=on_gpu)
        return await servable(self._source, self._models_dir, place, self._coming_up)

    def _load(self, model: Servable, loop: asyncio.AbstractEventLoop) -> Loaded:
        """In the worker's thread."""
        from chat.engines.in_process.loading import Plan, load  # noqa: PLC0415 - torch: late

        plan = Plan(
            place=model.place,
            revision=model.revision,
            context_tokens=self._context_tokens,
            adapters={one.name: one.folder for one in self._adapters},
            memory=self._memory,
            threads=self._threads,
        )

        def tell(words: str) -> None:
            loop.call_soon_threadsafe(self._coming_up, words)

        return load(plan, tell)

    async def _try_out(self, loaded: Loaded) -> None:
        """After a first call, which is slow and would be taken for the model's speed."""
        await self._chat_model.ainvoke([HumanMessage("Hello.")], max_tokens=4, temperature=0)
        found = await probe(self._chat_model)
        known = {"parallel": PARALLEL, "on_processor": not _has_gpu()}
        self._capabilities = found.model_copy(update={"context_tokens": loaded.context, **known})

    def _coming_up(self, detail: str, progress: float | None = None) -> None:
        self._tell(Phase.STARTING, detail, progress=progress)


def _need_libraries() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"The engine transformers needs {', '.join(missing)}, which is not installed.",
            f"Install it with {INSTALL}, or choose another engine.",
        )


def _has_gpu() -> bool:
    import torch  # noqa: PLC0415 - late

    available: bool = torch.cuda.is_available()
    return available
