"""A tiny model loaded into this process, and its plain scores to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from chat.engines.in_process.calls import Call, Options, Priority
from chat.engines.in_process.loading import Loaded, Plan, load
from chat.engines.in_process.row import Row
from tests.support.tiny_model import write_tiny_model

CLOSE: Final[dict[str, Any]] = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Loaded:
    return load(
        Plan(place=str(folder), revision=None, context_tokens=2048, threads=1), lambda _: None
    )


def row(loaded: Loaded, tokens: Sequence[int], **options: Any) -> Row:
    asked = Options(**{"temperature": 0.0, "max_tokens": 50, **options})
    return Row(Call((), asked, Priority.JUDGING, lambda _: None), list(tokens), loaded)


def alone(loaded: Loaded, tokens: Sequence[int]) -> torch.Tensor:
    """The scores after these tokens, from one plain call of the model."""
    with torch.inference_mode():
        scores: torch.Tensor = loaded.model(torch.tensor([list(tokens)])).logits[0, -1]
    return scores


def some(length: int, seed: int) -> list[int]:
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(0, 250, (length,), generator=chance).tolist()
