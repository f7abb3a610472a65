"""The model that is trained: a folder, a repository of the hub, or one of the catalogue's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from chat.engines import fetching
from chat.engines.catalogue import QWEN_7B, Entry, Hub
from chat.engines.gguf_folder import folder_of
from chat.engines.vllm_model import source_of
from perm.checkpoint import Kind, ensure, examine
from perm.training import TrainingError
from perm.types import Value

Tell = Callable[[str], None]


class Backbone(Value):
    """Where it lies and what it is called: the name by which its adapters are found again."""

    name: str
    place: str
    revision: str | None = None


async def backbone_for(model: str, models_dir: Path, tell: Tell) -> Backbone:
    """The model of that name, fetched and unpacked where it is one packed file, and examined.

    Empty: the paper's backbone. Raises `CheckpointError`, `EngineError`, `SettingsError`.
    """
    source = source_of(model) or QWEN_7B
    if isinstance(source, Entry):
        if source.file:
            tell(f"The model {source.name} is being made ready.")
            file = await fetching.fetch(source, models_dir)
            return await _unpacked(source.name, file, models_dir, tell)
        source = _repository(source)
    if isinstance(source, Hub):
        report = ensure(await examine(source.repo, revision=source.revision))
        return Backbone(name=source.repo, place=source.repo, revision=report.revision)
    if source.is_file():
        return await _unpacked(source.stem, source, models_dir, tell)
    report = ensure(await examine(source))
    if report.kind is Kind.ADAPTER:
        raise TrainingError(
            f"{source.name} is an adapter, and training begins with a whole model.",
            f"Name its backbone: --base {report.base_model or 'FOLDER'}",
        )
    return Backbone(name=source.name, place=str(source))


async def _unpacked(name: str, file: Path, models_dir: Path, tell: Tell) -> Backbone:
    folder = await folder_of(file, models_dir, Path(sys.executable), tell)
    return Backbone(name=name, place=str(folder))


def _repository(entry: Entry) -> Hub:
    if not isinstance(entry.source, Hub):
        raise AssertionError(f"{entry.name} is neither one file nor a repository")
    return entry.source
