"""What was trained is saved aside, examined, described, and only then called by its name."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from perm.checkpoint import CheckpointReport, Code, Kind, examine
from perm.training.errors import TrainingError
from perm.training.plan import Plan

if TYPE_CHECKING:
    from trl.trainer.grpo_trainer import GRPOTrainer

log = logging.getLogger(__name__)

ADAPTER_CONFIG: Final = "adapter_config.json"
CARD: Final = "README.md"
FACTS: Final = "perm-chat.json"
GATHER: Final = "stage3_gather_16bit_weights_on_model_save"


def warn_of_zero3(trainer: GRPOTrainer) -> bool:
    """Under ZeRO-3 each process has a part of every matrix: they must be gathered to be saved.

    Says so before hours of training, and whether it had to: without it the file holds vectors
    alone, as the published model's does.
    """
    plugin = getattr(trainer.accelerator.state, "deepspeed_plugin", None)
    if plugin is None or plugin.zero_stage != 3:
        return False
    if (plugin.deepspeed_config.get("zero_optimization") or {}).get(GATHER) is True:
        return False
    log.warning(
        "DeepSpeed's ZeRO-3 is on and %s is not: what is saved would be hollow. Set it to true "
        "(accelerate: zero3_save_16bit_model: true).",
        GATHER,
    )
    return True


def save(trainer: GRPOTrainer, plan: Plan, facts: Mapping[str, Any]) -> CheckpointReport:
    """The trained weights, in `plan.result`. Raises `TrainingError` where they are not whole.

    Every process calls this; the first one examines and moves.
    """
    draft = plan.workspace / "result"
    first = trainer.is_world_process_zero()
    if first:
        shutil.rmtree(draft, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(draft))
    trainer.accelerator.wait_for_everyone()
    if first:
        report = finish(draft, plan, facts)
    trainer.accelerator.wait_for_everyone()
    return report if first else asyncio.run(examine(plan.result))


def finish(draft: Path, plan: Plan, facts: Mapping[str, Any]) -> CheckpointReport:
    """Examine what was saved, describe it, and give it its name. Raises `TrainingError`."""
    (draft / "training_args.bin").unlink(missing_ok=True)  # a pickle, with this machine's paths
    if plan.lora is not None:
        _name_the_base(draft, plan.base_name)
    report = asyncio.run(examine(draft))
    wanted = Kind.MODEL if plan.lora is None else Kind.ADAPTER
    if not report.ok or report.kind is not wanted:
        raise TrainingError(_in_words(report, draft), _todo(report))
    (draft / FACTS).write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n", "utf-8")
    (draft / CARD).write_text(card(plan, facts), "utf-8")
    plan.result.parent.mkdir(parents=True, exist_ok=True)
    if plan.result.exists():
        raise TrainingError(
            f"{plan.result} came to be during the run; what was trained is in {draft}.",
            "Move one of the two.",
        )
    shutil.move(os.fspath(draft), plan.result)
    return report


def card(plan: Plan, facts: Mapping[str, Any]) -> str:
    """A model card: what it was made of and by what, so that it can be made again."""
    kind = "adapter" if plan.lora is not None else "model"
    front = [f"base_model: {json.dumps(plan.base_name)}"]
    front += ["library_name: peft"] if plan.lora is not None else []
    rows = [f"| {name} | {_cell(value)} |" for name, value in facts.items()]
    return "\n".join(
        [
            "---",
            *front,
            "tags: [perm, grpo, empathy]",
            "---",
            f"# {plan.result.name}",
            "",
            f"A {kind} trained with GRPO on PERM's reward (arXiv:2601.10532) by perm-chat. A "
            "higher reward is one judge's opinion: compare it blind with its backbone.",
            "",
            "| | |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def _name_the_base(draft: Path, base_name: str) -> None:
    """PEFT writes the folder that the backbone was loaded from: a place on this machine."""
    file = draft / ADAPTER_CONFIG
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return  # the examination says what is wrong
    config["base_model_name_or_path"] = base_name
    file.write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _in_words(report: CheckpointReport, draft: Path) -> str:
    why = report.problems[0].what if report.problems else f"It is no more than a {report.kind}."
    return f"What was trained was saved in {draft}, and it is not whole: {why}"


def _todo(report: CheckpointReport) -> str:
    hollow = any(problem.code is Code.HOLLOW for problem in report.problems)
    if hollow:
        return f"Set {GATHER} to true in DeepSpeed's settings and go on with --resume."
    return "The last checkpoint is kept; go on from it with --resume."


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("|", "\\|").replace("\n", " ")
