"""Which safetensors model is to be served, and where it lies: examined before it is loaded.

The engines vllm and transformers share this.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from chat.engines import fetching
from chat.engines.catalogue import PERM_7B, QWEN_7B, Entry, Hub, find
from chat.engines.gguf_folder import folder_of
from chat.engines.llama_cpp import source_of as gguf_source
from chat.settings import SettingsError
from perm.checkpoint import CheckpointReport, Code, ensure, examine
from perm.types import EngineError, EngineFault, Value

Source = Entry | Path | Hub | None
"""An entry of the catalogue, a folder or GGUF file, a repository, or the default."""

OnProgress = Callable[[str, float | None], None]

_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class Environment(Protocol):
    """Where the model will run: a Python that has transformers and torch, and a GPU or not."""

    @property
    def python(self) -> Path: ...

    @property
    def on_gpu(self) -> bool: ...


class Servable(Value):
    """A model that was examined and can be served.

    `place`: a folder, or a repository with its `revision`. `also`: other names it goes by.
    `note`: what people should know of it.
    """

    name: str
    place: str
    revision: str | None = None
    also: tuple[str, ...] = ()
    note: str = ""

    @property
    def local(self) -> bool:
        return self.revision is None


def source_of(model: str) -> Source:
    """What the setting names. Raises `SettingsError` where it is nothing of the kind."""
    model = model.strip()
    if not model:
        return None
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.suffix.lower() == ".gguf":
        return gguf_source(model)
    if model.startswith(("/", "~", ".")):
        raise SettingsError(f"There is no folder {path}.", "Check the path of the model.")
    if _REPOSITORY.fullmatch(model):
        return Hub(repo=model)
    return find(model)


def name_of(source: Source) -> str:
    """What the model will be called, as far as that is known before it is looked for."""
    if isinstance(source, Path):
        return source.stem if source.suffix.lower() == ".gguf" else source.name
    if isinstance(source, Hub):
        return source.repo
    return "" if source is None else source.name


async def servable(
    source: Source, models_dir: Path, environment: Environment, tell: OnProgress
) -> Servable:
    """The model, fetched where we fetch it ourselves, and examined.

    Raises `CheckpointError` for weights that nobody should serve, `EngineError` (UNREACHABLE) where
    trying again may help.
    """
    if source is None and environment.on_gpu:
        return await _default(tell)
    entry = await fetching.choose_default(models_dir) if source is None else source
    if isinstance(entry, Entry):
        if not entry.file:
            return await _from_hub(_hub(entry), entry.name, tell)
        fetched = partial(_fetched, entry, tell)
        file = await fetching.fetch(entry, models_dir, fetched)
        return await _unpacked(file, entry.name, models_dir, environment, tell)
    if isinstance(entry, Hub):
        return await _from_hub(entry, entry.repo, tell)
    if entry.is_dir():
        tell(f"The model in {entry.name} is being examined.", None)
        ensure(await examine(entry))
        return Servable(name=entry.name, place=str(entry))
    return await _unpacked(entry, entry.stem, models_dir, environment, tell)


async def _default(tell: OnProgress) -> Servable:
    """The tuned model if its published weights are whole, else its backbone, and which it is."""
    tell("The published PERM model is being examined.", None)
    tuned, backbone = _hub(PERM_7B), _hub(QWEN_7B)
    report, place = await _report(tuned)
    if report.ok:
        return _at(tuned, PERM_7B.name, report, place)
    instead = await _from_hub(backbone, QWEN_7B.name, tell)
    note = (
        "This is the tuned model's backbone with the PERM prompt, not the tuned model: "
        f"{report.problems[0].what}"
    )
    return instead.model_copy(update={"note": note})


def _hub(entry: Entry) -> Hub:
    if not isinstance(entry.source, Hub):
        raise AssertionError(f"{entry.name} is neither one file nor a repository")
    return entry.source


async def _from_hub(hub: Hub, name: str, tell: OnProgress) -> Servable:
    tell(f"The model {name} is being examined.", None)
    report, place = await _report(hub)
    if any(problem.code is Code.UNREACHABLE for problem in report.problems):
        raise EngineError(
            EngineFault.UNREACHABLE,
            f"The hub, where the model {name} lies, cannot be reached.",
            "Check the network, or name a folder that holds a model.",
        )
    ensure(report)
    return _at(hub, name, report, place)


async def _report(hub: Hub) -> tuple[CheckpointReport, Path | None]:
    """The hub's model examined there; where it is out of reach, a copy that was fetched before."""
    report = await examine(hub.repo, revision=hub.revision)
    if any(problem.code is Code.UNREACHABLE for problem in report.problems):
        copy = await asyncio.to_thread(_copy_of, hub)
        if copy is not None and (found := await examine(copy)).ok:
            return found, copy
    return report, None


def _at(hub: Hub, name: str, report: CheckpointReport, place: Path | None) -> Servable:
    """What was examined is what is served: the very commit, or the copy."""
    if place is not None:
        return Servable(name=name, place=str(place), also=(hub.repo,))
    revision = report.revision or hub.revision
    return Servable(name=name, place=hub.repo, revision=revision, also=(hub.repo,))


def _copy_of(hub: Hub) -> Path | None:
    """The folder in the hub library's own cache, where there is one."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - slow, and seldom wanted
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return Path(snapshot_download(hub.repo, revision=hub.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None


async def _unpacked(
    file: Path, name: str, models_dir: Path, environment: Environment, tell: OnProgress
) -> Servable:
    def told(detail: str) -> None:
        tell(f"The model {name} is being unpacked, once. {detail}", None)

    folder = await folder_of(file, models_dir, environment.python, told)
    return Servable(name=name, place=str(folder))


def _fetched(entry: Entry, tell: OnProgress, done: int, total: int) -> None:
    part = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
    tell(f"The model {entry.name} is being fetched: {part}.", done / total if total else None)
