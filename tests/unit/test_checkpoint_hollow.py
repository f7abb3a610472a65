"""Hollow checkpoints, as ZeRO-3 leaves them: told whatever else is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perm.checkpoint import Code, examine
from tests.support.checkpoints import (
    QUERY,
    QWEN2,
    QWEN2_PARAMETERS,
    VECTOR_PARAMETERS,
    codes,
    hollowed,
    ones,
    only_problem,
    qwen2_tensors,
    shard_name,
    write_model,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("shards", [1, 3])
async def test_hollow_as_zero3_leaves_it(tmp_path: Path, shards: int) -> None:
    report = await examine(write_model(tmp_path, hollowed(qwen2_tensors()), QWEN2, shards))
    what = only_problem(report, Code.HOLLOW)
    assert f"{VECTOR_PARAMETERS:,} of {QWEN2_PARAMETERS:,} parameters" in what
    assert "16 of 27 tensors are empty" in what
    assert "model.embed_tokens.weight has shape 0" in what
    assert "40 × 16" in what
    assert (shard_name(1, 3) if shards == 3 else "model.safetensors") in what
    assert "ZeRO-3" in what
    assert report.parameters_found == VECTOR_PARAMETERS


async def test_hollow_with_the_matrices_left_out(tmp_path: Path) -> None:
    vectors = {name: array for name, array in qwen2_tensors().items() if array.ndim == 1}
    what = only_problem(await examine(write_model(tmp_path, vectors, QWEN2)), Code.HOLLOW)
    assert "model.embed_tokens.weight is absent" in what


async def test_one_empty_matrix_is_enough(tmp_path: Path) -> None:
    tensors = qwen2_tensors() | {QUERY: ones(0)}
    what = only_problem(await examine(write_model(tmp_path, tensors, QWEN2)), Code.HOLLOW)
    assert f"{QWEN2_PARAMETERS - 256:,} of {QWEN2_PARAMETERS:,}" in what
    assert f"1 of 27 tensors is empty or absent: {QUERY} has shape 0 (16 × 16" in what


@pytest.mark.parametrize("config", [None, {"architectures": ["NovelForCausalLM"]}])
async def test_hollow_without_knowing_the_architecture(
    tmp_path: Path, config: dict[str, Any] | None
) -> None:
    report = await examine(write_model(tmp_path, hollowed(qwen2_tensors()), config))
    assert Code.HOLLOW in codes(report)
    assert report.parameters_expected is None
    assert report.parameters_found == VECTOR_PARAMETERS


async def test_a_file_without_any_tensor_is_hollow(tmp_path: Path) -> None:
    assert codes(await examine(write_model(tmp_path, {}, QWEN2))) == [Code.HOLLOW]
