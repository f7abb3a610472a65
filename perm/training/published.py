"""The published training settings, as TRL's configuration, and what may change them."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from perm.training.errors import TrainingError

if TYPE_CHECKING:
    from trl.trainer.grpo_config import GRPOConfig

PUBLISHED: Final[Mapping[str, Any]] = {
    "num_train_epochs": 1,
    "learning_rate": 1e-6,
    "beta": 0.01,
    "num_generations": 8,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 4,
    "warmup_steps": 0.1,  # a share of all steps
    "max_completion_length": 1024,
}
"""PERM's script (arXiv:2601.10532); it ran on 4 GPUs, with DeepSpeed ZeRO-3."""

OURS: Final[Mapping[str, Any]] = {
    "logging_steps": 1,
    "save_steps": 50,
    "save_total_limit": 2,
    "report_to": "none",
    "disable_tqdm": True,
}

FIXED: Final = ("output_dir", "remove_unused_columns", "resume_from_checkpoint", "push_to_hub")
"""What a configuration file may not set: the run would not find its own things again."""


def grpo_config(workspace: Path, seed: int, trl: Mapping[str, Any]) -> GRPOConfig:
    """TRL's configuration: published, then what suits this machine, then `trl`.

    Raises `TrainingError` for what TRL does not know or refuses.
    """
    from trl.trainer.grpo_config import GRPOConfig  # noqa: PLC0415 - takes seconds

    known = {field.name for field in dataclasses.fields(GRPOConfig) if field.init}
    if unknown := sorted(trl.keys() - known):
        raise TrainingError(
            f"TRL's GRPOConfig has no setting called {', '.join(unknown)}.",
            "Correct the file given with --trl-config.",
        )
    if fixed := sorted(trl.keys() & set(FIXED)):
        raise TrainingError(
            f"{', '.join(fixed)} cannot be set: the run needs its own.",
            "Take it out of the file given with --trl-config.",
        )
    wanted = {**PUBLISHED, **OURS, **_for_this_machine(trl), "seed": seed, **trl}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about TRL's own defaults
            return GRPOConfig(output_dir=str(workspace), **wanted)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"TRL refuses these settings: {error}", "Change them.") from None


def read_trl_config(file: Path) -> dict[str, Any]:
    """A YAML file of GRPOConfig's settings. Raises `TrainingError` where it is not that."""
    import yaml  # noqa: PLC0415 - comes with the extra

    try:
        found = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        why = f"{file} cannot be read: {error.strerror}."
        raise TrainingError(why, "Check its name.") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise TrainingError(f"{file} is not YAML: {error}", "Correct it.") from None
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise TrainingError(
            f"{file} is not a list of settings.", "Write one a line: learning_rate: 1.0e-6"
        )
    return found


def _for_this_machine(trl: Mapping[str, Any]) -> dict[str, Any]:
    """On a processor bfloat16 is emulated and slower, and memory is not what runs out."""
    import torch  # noqa: PLC0415

    if torch.cuda.is_available() and not trl.get("use_cpu"):
        return {}
    ours: dict[str, Any] = {"bf16": False, "dataloader_pin_memory": False}
    if "gradient_checkpointing" not in trl:  # its older name
        ours["activation_checkpointing"] = False
    return ours
