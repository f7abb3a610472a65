"""The curve of docs/training-curve.md: its model can come to do what the scripted judge likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.training import TINY, backbone_of, curve, report

pytestmark = pytest.mark.train


def test_the_tiny_model_can_write_the_format(tmp_path: Path) -> None:
    entries = curve(backbone_of(TINY, tmp_path), TINY, seed=1, steps=3)
    assert min(entry["malformed"] for entry in entries) < 1, "it can never be rewarded"
    assert "--model tiny --seeds 1 --steps 3" in report(TINY, {1: entries})
