"""The engine `llama-cpp`: llama.cpp's server, started by us in its own process, on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from langchain_core.messages import BaseMessage

from chat.engines import fetching
from chat.engines.base import Phase
from chat.engines.catalogue import QWEN, Entry, find
from chat.engines.child import Child
from chat.engines.llama_cpp_chat import SLOTS, LlamaCppChatModel
from chat.engines.own_server import NOWHERE, OwnServerEngine
from chat.engines.prompt_states import PromptStates
from chat.settings import EngineName, SettingsError
from perm.types import Capabilities, EngineError, EngineFault

PROCESS: Final = "chat.engines.llama_cpp_process"
PATIENCE: Final = 900.0
"""Seconds without a token: four cold judge prompts before it in line take minutes on two cores."""

REPEATS: Final = {
    "dry_multiplier": 0.8,
    "dry_base": 1.75,
    "dry_allowed_length": 6,
    "dry_penalty_last_n": 4096,
    "dry_sequence_breakers": ["\n", ":", '"', "*"],
}
"""llama.cpp's DRY: what would go on repeating more than so many tokens of the context becomes less
likely with each of them. A small model says its last reply again, word for word, without it."""

LOAD_SECONDS: Final = 600.0
CPU_SHARE: Final = Path("/sys/fs/cgroup/cpu.max")
"""CPU time in a period, and the period, in microseconds; `max` where there is no limit."""


class LlamaCppEngine(OwnServerEngine):
    """A GGUF file, served on this machine.

    `model`: a name of the catalogue, the path of a GGUF file, or empty for the default. Raises
    `SettingsError` where it is neither. `prompts`: a hash of what it is warmed up with, by which it
    knows at a start what it kept at an earlier one; empty where nothing is to be kept.
    """

    name = EngineName.LLAMA_CPP.value

    def __init__(
        self,
        model: str,
        *,
        models_dir: Path,
        log_file: Path,
        context_tokens: int,
        threads: int,
        prompts: str = "",
    ) -> None:
        self._source = source_of(model)
        self._models_dir = models_dir
        self._context_tokens = context_tokens
        self._threads = threads or cores()
        self._path: Path | None = None
        self._prompts = prompts
        self._states: PromptStates | None = None
        self._on_processor = True
        name = self._source.stem if isinstance(self._source, Path) else (self._source or QWEN).name
        chat_model = LlamaCppChatModel.at(
            NOWHERE, "", name, server="The model's server", patience=PATIENCE
        )
        super().__init__(name, chat_model, log_file)

    @property
    def source(self) -> Entry | Path | None:
        """The catalogue's entry, a file of one's own, or None for the default model."""
        return self._source

    @property
    def sampling(self) -> Mapping[str, Any]:
        return {"extra_body": REPEATS}

    async def _prepare(self) -> None:
        self._path = await self._persist(self._model_file)
        if self._prompts:
            self._states = await asyncio.to_thread(self._states_of, self._path)

    def _states_of(self, model: Path) -> PromptStates | None:
        try:
            return PromptStates.of(self._models_dir, model, self._prompts)
        except OSError:
            return None  # a folder that cannot be written: the prompts are read at each start

    async def _settle_in(self) -> None:
        if self._states is not None:
            await self._states.recall(self._chat_model.root_async_client)

    async def keep(self, openings: Sequence[Sequence[BaseMessage]]) -> None:
        if self._states is not None and not self._states.recalled:
            await self._states.keep(self._chat_model.root_async_client, openings, SLOTS)

    async def _launch(self, key: str) -> Child:
        self._coming_up(f"The model {self.model_name} is being loaded.")
        work = {
            "model": str(self._path),
            "name": self.model_name,
            "key": key,
            "slots": SLOTS,
            "context": self._context_tokens,
            "threads": self._threads,
            "states": str(self._states.folder) if self._states else "",
        }
        return await Child.start(PROCESS, work, self._log_file)

    async def _address(self, child: Child) -> str | None:
        try:
            told = await asyncio.wait_for(child.told(), LOAD_SECONDS)
        except TimeoutError:
            told = {"refused": True}
        if told.get("refused"):
            raise EngineError(
                EngineFault.NOT_READY,
                f"The model {self.model_name} cannot be loaded.",
                "Check that it is a whole GGUF file and fits into memory; what the server said is "
                f"in {self._log_file}. `perm-chat models check` compares files with the catalogue.",
            )
        self._on_processor = bool(told.get("on_processor"))
        return told.get("address")

    async def _completed(self, found: Capabilities) -> Capabilities:
        """With the context that it has, which is never more than the model was trained for."""
        cards = await self._chat_model.root_async_client.models.list()
        trained = (cards.data[0].model_dump().get("meta") or {}).get("n_ctx_train")
        context = min(self._context_tokens, trained or self._context_tokens)
        known = {"parallel": SLOTS, "on_processor": self._on_processor}
        return found.model_copy(update={"context_tokens": context, **known})

    async def _model_file(self) -> Path:
        """The GGUF file, fetched where it is not there yet."""
        if isinstance(self._source, Path):
            return self._source
        entry = self._source
        if entry is None:
            self._coming_up("It is found out where the model can be had.")
            entry = await fetching.choose_default(self._models_dir)
            self.model_name = self._chat_model.model_name = entry.name
        path = await fetching.fetch(entry, self._models_dir, partial(self._fetching, entry))
        return await asyncio.to_thread(path.resolve)

    def _fetching(self, entry: Entry, done: int, total: int) -> None:
        part = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
        words = f"The model {entry.name} is being fetched: {part}."
        self._tell(Phase.STARTING, words, progress=done / total if total else None)


def source_of(model: str) -> Entry | Path | None:
    """What the setting names: an entry of the catalogue, a file, or None for the default."""
    if not model.strip():
        return None
    path = Path(model).expanduser()
    if path.suffix.lower() == ".gguf" or len(path.parts) > 1:
        return _gguf(path)
    entry = find(model)
    if EngineName.LLAMA_CPP.value not in entry.engines:
        raise SettingsError(
            f"The model {entry.name} is for {' or '.join(entry.engines)}, not for llama-cpp.",
            f"Use {QWEN.name}, or serve it yourself and use the engine openai.",
        )
    return entry


def _gguf(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise SettingsError(
            f"The model file {path} cannot be read: {error.strerror}.", "Check the path."
        ) from None
    if magic != b"GGUF":
        raise SettingsError(f"The file {path} is not a GGUF model.", "Use a GGUF file.")
    return path.resolve()


def cores() -> int:
    """CPU cores that this process may use: those it is bound to, within a container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = bound or 1
    try:
        quota, period = CPU_SHARE.read_text("ascii").split()
        count = min(count, int(quota) // int(period))
    except (OSError, ValueError):
        pass  # no such limit
    return max(1, count)
