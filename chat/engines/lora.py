"""LoRA adapters that lie in the models folder, each a folder that becomes a model's name."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from chat.engines.base import ModelChoice
from chat.engines.catalogue import entries
from chat.settings import SettingsError
from perm.checkpoint import Kind, examine
from perm.types import EngineError, EngineFault, Value

log = logging.getLogger(__name__)

FOLDER: Final = "adapters"
"""Inside the models folder."""
TRAINED: Final = "trained"
"""Beside it: models that were trained whole."""
CONFIG: Final = "adapter_config.json"
_NAME: Final = re.compile(r"[\w.-]{1,100}")


class Adapter(Value):
    """One adapter that can be served. `name` is its folder's; `base_model` what it says itself."""

    name: str
    folder: Path
    base_model: str
    rank: int

    def fits(self, backbone: Collection[str]) -> bool:
        """Whether it was trained on that model; `backbone`: all names that it goes by.

        Names are compared by their last part, in any case: training may have had the backbone from
        a folder.
        """
        return _last_part(self.base_model) in {_last_part(name) for name in backbone}


class Found(Value):
    """A folder among the adapters: what it holds, or why it cannot be served."""

    name: str
    adapter: Adapter | None = None
    why_not: str = ""


class Chosen(Value):
    """An adapter that the settings name as the model, and the backbone that it names in turn."""

    adapter: str
    backbone: str


async def adapters_in(models_dir: Path) -> tuple[Found, ...]:
    """Whatever lies among the adapters, examined, by name."""
    folders = await asyncio.to_thread(_folders, models_dir / FOLDER)
    return tuple([await _examined(folder) for folder in folders])


async def adapters_for(backbone: Collection[str], models_dir: Path) -> tuple[Adapter, ...]:
    """The adapters trained on that backbone, by name; `backbone`: all names that it goes by.

    An adapter that is damaged is left out, which the log says: it would keep all others and the
    backbone from coming up.
    """
    found = await adapters_in(models_dir)
    for one in found:
        if one.why_not:
            log.warning("the adapter %s is left out: %s", one.name, one.why_not)
    return tuple(one.adapter for one in found if one.adapter and one.adapter.fits(backbone))


def chosen(model: str, models_dir: Path) -> Chosen | None:
    """What the setting names where that is an adapter: by its name, or as its folder there.

    Raises `SettingsError` where its backbone is not known here.
    """
    name = model.strip().rstrip("/")
    place = models_dir / FOLDER
    folder = Path(name).expanduser()
    if folder.parent.resolve() == place.resolve():
        name = folder.name
    if not _NAME.fullmatch(name) or not (place / name / CONFIG).is_file():
        return None
    try:
        config = json.loads((place / name / CONFIG).read_text("utf-8"))
        base = str(config["base_model_name_or_path"] or "")
    except (OSError, ValueError, KeyError, TypeError):
        base = ""
    return Chosen(adapter=name, backbone=_backbone(name, base, models_dir))


def _backbone(adapter: str, base: str, models_dir: Path) -> str:
    """The setting that names the model of that name: a folder here, the catalogue's, the hub's."""
    last = _last_part(base)
    here = [*_folders(models_dir), *_folders(models_dir / TRAINED)]
    own = [Path(base)] if base.startswith("/") else []
    for folder in (*own, *(one for one in here if one.name.lower() == last)):
        if (folder / "config.json").is_file():
            return str(folder)
    known = {entry.name for entry in entries()}
    if last in known:
        return last
    if "/" in base and not base.startswith(("/", "~", ".")):
        return base
    raise SettingsError(
        f"The adapter {adapter} belongs to the model {base or 'that it does not name'}, which is "
        "not here.",
        f"Put that model's folder into {models_dir}, or name it (--model FOLDER): the adapter is "
        "then offered beside it.",
    )


def ensure_there(adapters: Iterable[Adapter], chosen: str, backbone: str) -> None:
    """Raise `EngineError` where an adapter was chosen that is not among them."""
    if chosen and chosen not in {adapter.name for adapter in adapters}:
        raise EngineError(
            EngineFault.NOT_READY,
            f"The adapter {chosen} cannot be served beside {backbone}.",
            "`perm-chat models list` says what lies among the adapters, and what is wrong with it.",
        )


def offered(own: str, adapters: Iterable[Adapter], chosen: str) -> tuple[ModelChoice, ...]:
    """The backbone's own name and its adapters: the chosen one first, else the backbone."""
    beside = [choice_beside(own, adapter.name) for adapter in adapters if adapter.name != chosen]
    first = [choice_beside(own, chosen)] if chosen else []
    return (*first, ModelChoice(name=own, title=own), *beside)


def choice_beside(backbone: str, name: str) -> ModelChoice:
    """An adapter as a model beside its backbone."""
    return ModelChoice(name=name, title=name, note=f"LoRA adapter of {backbone}")


async def _examined(folder: Path) -> Found:
    report = await examine(folder)
    if not report.ok or report.kind is not Kind.ADAPTER:
        first = report.problems[0].what if report.problems else "It is not a LoRA adapter."
        return Found(name=folder.name, why_not=first)
    config = json.loads((folder / CONFIG).read_text("utf-8"))  # examined: an object with these two
    ranks = [config["r"], *(config.get("rank_pattern") or {}).values()]
    base = report.base_model or ""
    adapter = Adapter(name=folder.name, folder=folder, base_model=base, rank=max(ranks))
    return Found(name=folder.name, adapter=adapter)


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))


def _last_part(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].lower()
