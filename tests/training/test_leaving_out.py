"""What has no reward takes no part: not in its group's mean and spread, not in the update."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from perm.training import grpo_config, perm_trainer
from perm.training.trainer import leave_out
from tests.training.conftest import QUICK, rows

if TYPE_CHECKING:
    import torch

pytestmark = pytest.mark.train

REWARDS: list[float | None] = [0.9, None, 0.2, 0.4, None, None, None, 0.7]
"""Of two groups of four."""
SCORED = [one is not None for one in REWARDS]
UNSCORED = [one is None for one in REWARDS]
CANARY = "a sentence that nobody else should read"


def trainer_with(cls: type[Any], base: Path, place: Path, loss: str = "dapo") -> Any:
    """A trainer at its first batch, whose policy has moved away from where it began."""

    import torch
    from datasets import Dataset

    def scripted(completions: Sequence[object], **_: object) -> list[float | None]:
        return REWARDS

    changes = {
        "num_generations": 4,
        "beta": 0.5,
        "loss_type": loss,
        "gradient_accumulation_steps": 1,
    }
    trainer = cls(
        model=str(base),
        reward_funcs=scripted,
        args=grpo_config(place, 1, QUICK | changes),
        train_dataset=Dataset.from_list(rows(4)),
    )
    trainer.current_gradient_accumulation_steps = 1
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.mul_(1.3)
    trainer.model.train()
    return trainer


def batch_of(trainer: Any) -> dict[str, Any]:
    prompts = [{**row, "message": CANARY} for row in rows(2)]
    batch: dict[str, Any] = trainer._generate_and_score_completions(
        [row for row in prompts for _ in range(4)]
    )
    return batch


def gradient(trainer: Any, batch: dict[str, Any]) -> torch.Tensor:
    import torch

    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, batch).backward()
    grads = [one.grad.flatten() for one in trainer.model.parameters() if one.grad is not None]
    return torch.cat(grads).clone()


def rows_of(batch: dict[str, Any], which: list[bool]) -> dict[str, Any]:
    import torch

    return {
        name: value[which] if torch.is_tensor(value) and value.dim() else value
        for name, value in batch.items()
    }


@pytest.fixture
def trainer(base: Path, tmp_path: Path) -> Any:
    return trainer_with(perm_trainer(), base, tmp_path)


def test_a_group_has_the_mean_and_spread_of_its_scored_members(trainer: Any) -> None:
    import torch

    advantages = batch_of(trainer)["advantages"]
    scored = torch.tensor([0.9, 0.2, 0.4])
    expected = (scored - scored.mean()) / (scored.std() + 1e-4)
    assert advantages[[0, 2, 3]].tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    assert advantages[UNSCORED].tolist() == [0.0] * 4
    assert advantages[7] == 0  # alone in its group, there is nothing to compare it with


def test_the_unscored_move_nothing(trainer: Any) -> None:
    import torch

    batch = batch_of(trainer)
    assert torch.count_nonzero(gradient(trainer, rows_of(batch, UNSCORED))) == 0


@pytest.mark.parametrize("loss", ["dapo", "bnpo"])
def test_the_update_is_that_of_the_scored_ones_alone(base: Path, tmp_path: Path, loss: str) -> None:
    import torch

    trainer = trainer_with(perm_trainer(), base, tmp_path, loss)
    batch = batch_of(trainer)
    alone = gradient(trainer, rows_of(batch, SCORED))
    assert torch.count_nonzero(alone) > 0
    assert torch.allclose(gradient(trainer, batch), alone, atol=1e-6)


def test_trls_own_trainer_would_move_by_the_unscored(base: Path, tmp_path: Path) -> None:
    """Why there is a trainer of our own; if this fails, TRL has taken it over and ours can go."""

    import torch
    from trl.trainer.grpo_trainer import GRPOTrainer

    trainer = trainer_with(GRPOTrainer, base, tmp_path)
    assert torch.count_nonzero(gradient(trainer, rows_of(batch_of(trainer), UNSCORED))) > 0


def test_a_batch_in_which_nothing_was_scored_is_nothing(trainer: Any) -> None:
    import torch

    batch = batch_of(trainer)
    leave_out(batch, torch.ones(len(REWARDS), dtype=torch.bool))
    assert torch.count_nonzero(gradient(trainer, batch)) == 0


def test_the_log_does_not_tell_what_was_said(
    trainer: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        batch_of(trainer)
    assert CANARY not in caplog.text + "".join(capfd.readouterr())
