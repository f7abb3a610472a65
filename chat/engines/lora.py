"""LoRA adapters that lie in the models folder, each a folder that becomes a model's name."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from chat.engines.base import ModelChoice
from perm.checkpoint import Kind, examine
from perm.types import Value

log = logging.getLogger(__name__)

FOLDER: Final = "adapters"
"""Inside the models folder."""
CONFIG: Final = "adapter_config.json"
_NAME: Final = re.compile(r"[\w.-]{1,100}")


class Adapter(Value):
    """One adapter that can be served. `name` is its folder's; `base_model` what it says itself."""

    name: str
    folder: Path
    base_model: str
    rank: int

    def choice(self, backbone: str) -> ModelChoice:
        """It as a model beside its backbone."""
        return ModelChoice(name=self.name, title=self.name, note=f"LoRA adapter of {backbone}")


async def adapters_for(backbone: Collection[str], models_dir: Path) -> tuple[Adapter, ...]:
    """The adapters trained on that backbone, by name; `backbone`: all names that it goes by.

    Names are compared by their last part, in any case: training may have had the backbone from a
    folder. An adapter that is damaged is left out, which the log says: it would keep all others
    and the backbone from coming up.
    """
    known = {_last_part(name) for name in backbone}
    found = []
    for folder in await asyncio.to_thread(_folders, models_dir / FOLDER):
        adapter = await _examined(folder)
        if adapter is not None and _last_part(adapter.base_model) in known:
            found.append(adapter)
    return tuple(found)


async def _examined(folder: Path) -> Adapter | None:
    report = await examine(folder)
    if not report.ok or report.kind is not Kind.ADAPTER:
        first = report.problems[0].what if report.problems else "It is not a LoRA adapter."
        log.warning("the adapter %s is left out: %s", folder.name, first)
        return None
    config = json.loads((folder / CONFIG).read_text("utf-8"))  # examined: an object with these two
    ranks = [config["r"], *(config.get("rank_pattern") or {}).values()]
    return Adapter(
        name=folder.name, folder=folder, base_model=report.base_model or "", rank=max(ranks)
    )


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))


def _last_part(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].lower()
