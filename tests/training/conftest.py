"""A tiny model, and runs on it: a real GRPO step takes less than a second on a processor."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from perm.training import Plan
from tests.support.fragment_model import write_fragment_model

if find_spec("trl") is None:  # not imported: that takes seconds, and is not always wanted
    pytest.skip("the extra `train` is not installed", allow_module_level=True)

NAME: Final = "tiny"
QUICK: Final[dict[str, Any]] = {
    "max_steps": 4,
    "learning_rate": 5e-3,
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "max_completion_length": 4,
    "per_device_train_batch_size": 8,
    "use_cpu": True,
}


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    """Threads are of no use to a model this small, and in the way of the other tests."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fragment_model(tmp_path_factory.mktemp("base") / NAME)


def taste(part: str) -> float:
    """Warm words are good, forms are not: learnable within a dozen steps."""
    return 1.0 if "tired" in part and "form" not in part else 0.25


def rows(count: int = 40) -> list[dict[str, Any]]:
    return [
        {
            "prompt": [{"role": "user", "content": f"tired {number}"}],
            "persona": "a nurse",
            "scenario": "a double shift",
            "message": "I am tired.",
            "history": [],
        }
        for number in range(count)
    ]


def plan_of(base: Path, place: Path, **changes: Any) -> Plan:
    """A quick run of the tiny model. `trl` adds to the quick settings."""
    trl = QUICK | changes.pop("trl", {})
    return Plan(
        base=str(base),
        base_name=NAME,
        workspace=place / "run",
        result=place / "models" / "adapters" / "warm",
        trl=trl,
        **changes,
    )
