"""`.venv-vllm`, the environment that vLLM runs in: is it there, and what was it built for?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from chat.settings import ROOT
from perm.types import EngineError, EngineFault, Value

FOLDER: Final = ROOT / ".venv-vllm"
RECIPE: Final = "perm-chat-recipe.json"
"""Written by scripts/vllm_environment.py as its last step."""


class VllmEnvironment(Value):
    """An environment that is complete. `device`: `cuda` or `cpu`."""

    folder: Path
    device: str

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def vllm(self) -> Path:
        return self.folder / "bin" / "vllm"

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"


def environment_in(folder: Path = FOLDER) -> VllmEnvironment:
    """The environment in that folder. Raises `EngineError` (NOT_READY) where it is not complete."""
    try:
        recipe = json.loads((folder / RECIPE).read_text("utf-8"))
        return VllmEnvironment(folder=folder, device=recipe["device"])
    except (OSError, ValueError, KeyError, TypeError):
        raise EngineError(
            EngineFault.NOT_READY,
            "vLLM is not installed: it has an environment of its own, which is not there or not "
            "complete.",
            "Build it with `make vllm`, or with `python scripts/vllm_environment.py`; it takes "
            "minutes and some gigabytes.",
        ) from None
