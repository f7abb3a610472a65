"""Whole GRPO runs with PERM's reward on a tiny model: they learn, are saved whole, and go on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from chat.engines.lora import adapters_for
from perm.checkpoint import Kind, examine
from perm.training import PermReward, TrainingError, train
from perm.training.logbook import read_log
from perm.types import EngineError, EngineFault, Perspective
from tests.support.preferring_judge import preferring_judge
from tests.training.conftest import NAME, plan_of, rows, taste

pytestmark = pytest.mark.train


def reward() -> PermReward:
    return PermReward(preferring_judge(taste))


def test_a_run_raises_the_reward_and_its_adapter_is_found(base: Path, tmp_path: Path) -> None:
    plan = plan_of(base, tmp_path, trl={"max_steps": 12}, about={"judge": "scripted"})
    steps: list[str] = []
    finished = train(plan, rows(), reward(), on_step=lambda step: steps.append(step.line))

    assert finished.steps == len(steps) == 12
    log = read_log(finished.log)
    assert log[0]["run"]["judge"] == "scripted"
    assert log[0]["run"]["seed"] == plan.seed
    entries = log[1:]
    assert [entry["step"] for entry in entries] == list(range(1, 13))
    begun = sum(entry["reward"] for entry in entries[:3]) / 3
    ended = sum(entry["reward"] for entry in entries[-3:]) / 3
    assert ended > begun + 0.3
    assert entries[-1]["unscored"] == 0
    assert entries[-1]["malformed"] < entries[0]["malformed"]
    assert all(1 <= entries[-1][seat.value] <= seat.scale[1] for seat in Perspective)

    found = asyncio.run(adapters_for([NAME], tmp_path / "models"))
    assert [(one.name, one.base_model, one.rank) for one in found] == [("warm", NAME, 16)]
    facts = json.loads((plan.result / "perm-chat.json").read_text("utf-8"))
    assert facts["base model"] == NAME
    assert facts["reward"]["bystander_coefficient"] == 0.5
    assert facts["steps"] == 12
    told = "".join(
        path.read_text("utf-8") for path in plan.result.iterdir() if path.suffix in {".md", ".json"}
    )
    assert str(tmp_path) not in told  # nor any other place on this machine
    assert str(base) not in told


def test_the_whole_model_can_be_trained(base: Path, tmp_path: Path) -> None:
    plan = plan_of(base, tmp_path, lora=None, trl={"max_steps": 1})
    train(plan, rows(), reward())
    report = asyncio.run(examine(plan.result))
    assert report.ok
    assert report.kind is Kind.MODEL


class Breaking(PermReward):
    """A judge that is lost in the third batch."""

    batches = 0

    async def __call__(self, *args: object, **given: object) -> list[float | None]:
        self.batches += 1
        if self.batches == 3:
            raise EngineError(EngineFault.NOT_READY, "The judge is gone.")
        return await super().__call__(*args, **given)  # type: ignore[arg-type]


def test_a_run_that_broke_off_goes_on_from_its_checkpoint(base: Path, tmp_path: Path) -> None:
    plan = plan_of(base, tmp_path, trl={"save_steps": 1})
    with pytest.raises(EngineError, match="gone"):
        train(plan, rows(), Breaking(preferring_judge(taste)))
    log = plan.workspace / "log.jsonl"
    before = {entry["step"]: entry for entry in read_log(log) if "step" in entry}
    assert sorted(before) == [1, 2]
    assert not plan.result.exists()

    with pytest.raises(TrainingError, match="broken off at step 2"):
        train(plan, rows(), reward())
    going_on = plan.model_copy(update={"resume": True})
    with pytest.raises(TrainingError, match="another seed"):
        train(going_on.model_copy(update={"seed": 7}), rows(), reward())
    finished = train(going_on, rows(), reward())

    assert finished.steps == 4
    after = {entry["step"]: entry for entry in read_log(log) if "step" in entry}
    assert sorted(after) == [1, 2, 3, 4]
    assert after[2] == before[2]
    with pytest.raises(TrainingError, match="by the name of warm already"):
        train(plan, rows(), reward())


def test_there_must_be_a_checkpoint_to_go_on_from(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no checkpoint"):
        train(plan_of(base, tmp_path, resume=True), rows(), reward())


def test_a_hollow_result_is_an_error_and_gets_no_name(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ZeRO-3 leaves it when nothing is gathered: the same names, and nothing in them."""
    from perm.training import perm_trainer

    def save_hollow(trainer: object, output_dir: str) -> None:
        import torch

        model = trainer.model  # type: ignore[attr-defined]
        names = [name for name, _ in model.named_parameters() if "lora_" in name]
        empty = {name: torch.empty(0) for name in names}
        model.save_pretrained(output_dir, state_dict=empty)

    monkeypatch.setattr(perm_trainer(), "save_model", save_hollow)
    plan = plan_of(base, tmp_path, trl={"max_steps": 1, "save_strategy": "no"})
    with pytest.raises(TrainingError, match="not whole") as raised:
        train(plan, rows(), reward())
    assert "stage3_gather_16bit_weights_on_model_save" in raised.value.todo
    assert not plan.result.exists()
