"""The model of random weights: a whole checkpoint that the engine transformers serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.random_model import QWEN_7B, write
from chat.engines.in_process.loading import Plan, load
from perm.checkpoint import examine
from tests.support.in_process import folder

__all__ = ["folder"]

pytestmark = pytest.mark.unit

SMALL = {name: min(size, 64) for name, size in QWEN_7B.items()} | {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


async def test_it_is_whole_and_can_be_served(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "random"
    count = write(place, folder, SMALL)
    report = await examine(place)
    assert report.ok
    assert count > 10_000
    plan = Plan(place=str(place), revision=None, context_tokens=256, threads=1)
    assert load(plan, lambda _: None).context == 256
