"""Weights in files that are cut off, lost, doubled or not in their index."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perm.checkpoint import Code, examine
from tests.support.checkpoints import (
    INDEX,
    QWEN2,
    QWEN2_PARAMETERS,
    VECTOR_PARAMETERS,
    codes,
    hollowed,
    only_problem,
    qwen2_tensors,
    shard_name,
    write_json,
    write_model,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("kept", [0, 5, 8, 400, -1])
async def test_truncated_anywhere(tmp_path: Path, kept: int) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=2)
    file = folder / shard_name(2, 2)
    data = file.read_bytes()
    file.write_bytes(data[:kept])
    what = only_problem(await examine(folder), Code.TRUNCATED)
    assert file.name in what
    assert f"{len(data[:kept]):,}" in what or "1 are missing" in what


async def test_a_shard_that_is_not_there(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=3)
    (folder / shard_name(2, 3)).unlink()
    report = await examine(folder)
    what = only_problem(report, Code.MISSING_SHARD)
    assert f"1 of 3 files that {INDEX} names is not there: {shard_name(2, 3)}" in what
    assert "9 of 27 tensors are lost" in what
    assert report.parameters_found is not None
    assert report.parameters_found < QWEN2_PARAMETERS


async def test_a_tensor_that_is_in_no_shard(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=3)
    index = json.loads((folder / INDEX).read_text("utf-8"))
    index["weight_map"]["model.layers.7.mlp.up_proj.weight"] = shard_name(1, 3)
    write_json(folder / INDEX, index)
    what = only_problem(await examine(folder), Code.MISSING_SHARD)
    assert f"model.layers.7.mlp.up_proj.weight in {shard_name(1, 3)}" in what


async def test_shards_without_their_index(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=3)
    (folder / INDEX).unlink()
    (folder / shard_name(3, 3)).unlink()
    assert "2 of 3 files" in only_problem(await examine(folder), Code.MISSING_INDEX)


async def test_a_tensor_in_two_shards(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=2)
    (folder / shard_name(2, 2)).write_bytes((folder / shard_name(1, 2)).read_bytes())
    assert Code.BROKEN_INDEX in codes(await examine(folder))


async def test_both_ways_of_loading_must_be_sound(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=2)
    write_model(folder, hollowed(qwen2_tensors()), QWEN2)
    report = await examine(folder)
    assert "model.safetensors" in only_problem(report, Code.HOLLOW)
    assert report.parameters_found == VECTOR_PARAMETERS
    assert any("both were examined" in note for note in report.notes)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["pytorch_model.bin"], "pytorch_model.bin"),
        (["model-q4.gguf", "config.json"], "model-q4.gguf"),
    ],
)
async def test_not_safetensors(tmp_path: Path, names: list[str], said: str) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"{}")
    report = await examine(tmp_path)
    assert said in only_problem(report, Code.NOT_SAFETENSORS)
    assert ("llama-cpp" in report.problems[0].todo) is said.endswith(".gguf")


async def test_no_weights_and_weights_under_another_name(tmp_path: Path) -> None:
    assert codes(await examine(tmp_path)) == [Code.MISSING_WEIGHTS]
    write_model(tmp_path, qwen2_tensors(), QWEN2)
    (tmp_path / "model.safetensors").rename(tmp_path / "final.safetensors")
    assert "final.safetensors" in only_problem(await examine(tmp_path), Code.MISSING_WEIGHTS)
