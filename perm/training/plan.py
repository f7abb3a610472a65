"""What one run is to do, as values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from perm.types import Value

PROJECTIONS: Final = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
)


class LoraShape(Value):
    """A LoRA adapter as the published script offers it."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    targets: tuple[str, ...] = PROJECTIONS


class Plan(Value):
    """One GRPO run.

    `base`: a folder or a repository of the hub, at `revision`; `base_name`: what it is called in
    the adapter and its card. `lora` None trains the whole model. `workspace` keeps checkpoints and
    the log; `result` is the folder that the trained weights become, once they are examined.
    `trl`: what is changed of TRL's configuration. `about`: what else the card should say; a run
    goes on from its checkpoints only where it says the same.
    """

    base: str
    base_name: str
    revision: str | None = None
    lora: LoraShape | None = LoraShape()
    workspace: Path
    result: Path
    seed: int = 42
    resume: bool = False
    trl: Mapping[str, Any] = Field(default_factory=dict)
    about: Mapping[str, str] = Field(default_factory=dict)
