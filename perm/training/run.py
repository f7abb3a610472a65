"""One GRPO run with PERM's reward, from a plan and prompts to weights that were examined."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from perm.training.errors import TrainingError, require_libraries
from perm.training.logbook import Logbook, OnStep, log_callback
from perm.training.plan import LoraShape, Plan
from perm.training.published import grpo_config
from perm.training.reward import PermReward, RewardFunction
from perm.training.saving import save, warn_of_zero3
from perm.training.trainer import perm_trainer
from perm.types import Value

if TYPE_CHECKING:
    from peft import LoraConfig
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

LOG: Final = "log.jsonl"
RUN: Final = "run.json"
"""Says in the workspace what the run is, so that another one does not go on from it."""


class Finished(Value):
    """A run that is done. `parameters` are those of what was saved."""

    result: Path
    steps: int
    parameters: int | None
    log: Path


def train(
    plan: Plan,
    rows: Sequence[Mapping[str, Any]],
    reward: PermReward,
    function: RewardFunction | None = None,
    on_step: OnStep = lambda step: None,
) -> Finished:
    """Run it to its end. Blocks; every process of a distributed run calls it.

    `rows`: `prompt` (messages) and the columns that the reward reads. `function`: the same reward
    as it is to be called, where that is not `reward` itself (see `judged_on`).
    Raises `TrainingError`, and `EngineError` where the judge is gone.
    """
    require_libraries()
    if not rows:
        raise TrainingError("There is nothing to train on: no prompts.", "Check the file.")
    checkpoint = _checkpoint(plan)
    plan.workspace.mkdir(parents=True, exist_ok=True)
    config = grpo_config(plan.workspace, plan.seed, _with_base(plan))
    facts = facts_of(plan, config, reward, len(rows))
    _same_run(plan, facts, resuming=checkpoint is not None)
    trainer = _trainer(plan, config, rows, function or reward)
    logbook = Logbook(plan.workspace / LOG)
    trainer.add_callback(log_callback(logbook, on_step))
    if trainer.is_world_process_zero():
        warn_of_zero3(trainer)
        (plan.workspace / RUN).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
        logbook.begin(facts, _step_of(checkpoint))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    steps = trainer.state.global_step
    counted = {"steps": steps, "unscored judgements": dict(reward.unscored)}
    report = save(trainer, plan, {**facts, **counted})
    return Finished(
        result=plan.result,
        steps=steps,
        parameters=report.parameters_found,
        log=plan.workspace / LOG,
    )


def facts_of(plan: Plan, config: GRPOConfig, reward: PermReward, prompts: int) -> dict[str, Any]:
    """What the run is: what its card says, and what must be the same for it to be gone on with."""
    lora = plan.lora
    return {
        "base model": plan.base_name,
        "trained": f"LoRA, r {lora.rank}, alpha {lora.alpha}" if lora else "the whole model",
        "prompts": prompts,
        **plan.about,
        "reward": reward.settings.model_dump(mode="json"),
        "malformed": reward.malformed.value,
        "seed": plan.seed,
        "learning rate": config.learning_rate,
        "beta": config.beta,
        "completions a prompt": config.num_generations,
        "longest completion": config.max_completion_length,
    }


def last_checkpoint(workspace: Path) -> Path | None:
    """The newest checkpoint of a workspace."""
    found = [
        path
        for path in workspace.glob("checkpoint-*")
        if path.name.removeprefix("checkpoint-").isdigit()
        and (path / "trainer_state.json").is_file()
    ]
    return max(found, key=_step_of, default=None)


def _step_of(checkpoint: Path | None) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-")) if checkpoint else 0


def _checkpoint(plan: Plan) -> Path | None:
    """Where to go on from. Raises `TrainingError` where that is not what is there."""
    if plan.result.exists():
        raise TrainingError(
            f"There is something trained by the name of {plan.result.name} already.",
            f"Choose another --name, or remove {plan.result}.",
        )
    found = last_checkpoint(plan.workspace)
    if found is not None and not plan.resume:
        raise TrainingError(
            f"A run by this name was broken off at step {_step_of(found)}.",
            f"Go on with it: --resume. Or choose another --name, or remove {plan.workspace}.",
        )
    if found is None and plan.resume:
        raise TrainingError(
            f"There is no checkpoint in {plan.workspace} to go on from.",
            "Begin anew, without --resume.",
        )
    return found


def _same_run(plan: Plan, facts: Mapping[str, Any], *, resuming: bool) -> None:
    """A run goes on as what it was: otherwise its card would be false."""
    if not resuming:
        return
    try:
        before = json.loads((plan.workspace / RUN).read_text("utf-8"))
    except (OSError, ValueError):
        before = {}
    now = json.loads(json.dumps(facts))
    names = now.keys() | before.keys()
    changed = sorted(name for name in names if now.get(name) != before.get(name))
    if changed:
        raise TrainingError(
            f"The run that was broken off had another {', '.join(changed)}.",
            "Give it what it had, or choose another --name.",
        )


def _with_base(plan: Plan) -> dict[str, Any]:
    """TRL's settings with how the backbone is to be loaded."""
    loading = dict(plan.trl.get("model_init_kwargs") or {})
    if plan.revision is not None:
        loading["revision"] = plan.revision
    return {**plan.trl, "model_init_kwargs": loading or None}


def _trainer(
    plan: Plan, config: GRPOConfig, rows: Sequence[Mapping[str, Any]], function: RewardFunction
) -> GRPOTrainer:
    from datasets import Dataset  # noqa: PLC0415
    from transformers import PrinterCallback  # noqa: PLC0415

    trainer = perm_trainer()(
        model=plan.base,
        reward_funcs=function,  # type: ignore[arg-type] # TRL awaits it, and does not say so
        args=config,
        train_dataset=Dataset.from_list([dict(row) for row in rows]),
        peft_config=_peft(plan.lora) if plan.lora else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _peft(shape: LoraShape) -> LoraConfig:
    from peft import LoraConfig  # noqa: PLC0415

    return LoraConfig(
        task_type="CAUSAL_LM",
        r=shape.rank,
        lora_alpha=shape.alpha,
        target_modules=list(shape.targets),
        lora_dropout=0.0,
    )
