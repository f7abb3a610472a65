"""LoRA adapters, whole and damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perm.checkpoint import BACKBONE, Code, Kind, examine
from tests.support.checkpoints import (
    LORA,
    QWEN2,
    hollowed,
    lora_tensors,
    ones,
    qwen2_tensors,
    write_adapter,
    write_model,
)

pytestmark = pytest.mark.unit

LAYER = "base_model.model.model.layers"


async def problem(folder: Path, code: Code) -> str:
    """The words of the one problem there is."""
    report = await examine(folder)
    assert [found.code for found in report.problems] == [code], report.problems
    assert BACKBONE in report.problems[0].todo
    return report.problems[0].what


async def test_a_whole_adapter_passes(tmp_path: Path) -> None:
    report = await examine(write_adapter(tmp_path, lora_tensors()))
    assert report.ok, report.problems
    assert report.kind is Kind.ADAPTER
    assert report.base_model == BACKBONE
    assert report.parameters_found == 2 * 4 * (16 + 16 + 24 + 16)


async def test_a_pattern_of_targets_passes_and_is_noted(tmp_path: Path) -> None:
    config = {**LORA, "target_modules": ".*_proj"}
    report = await examine(write_adapter(tmp_path, lora_tensors(), config))
    assert report.ok, report.problems
    assert "is a pattern" in report.notes[0]


async def test_some_modules_of_another_rank_pass_where_they_are_named(tmp_path: Path) -> None:
    tensors = lora_tensors() | {
        f"{LAYER}.{number}.mlp.down_proj.lora_{side}.weight": ones(*shape)
        for number in range(2)
        for side, shape in (("A", (8, 24)), ("B", (16, 8)))
    }
    config = {**LORA, "rank_pattern": {"down_proj": 8}}
    assert (await examine(write_adapter(tmp_path, tensors, config))).ok
    assert "8 × 24" in await problem(write_adapter(tmp_path, tensors), Code.WRONG_RANK)


async def test_hollow_as_zero3_leaves_it(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path, hollowed(lora_tensors()))
    what = await problem(folder, Code.HOLLOW)
    assert "it holds 0 parameters" in what
    assert "8 of 8 tensors are empty" in what


async def test_one_matrix_of_a_pair_is_missing(tmp_path: Path) -> None:
    tensors = lora_tensors()
    del tensors[f"{LAYER}.1.self_attn.q_proj.lora_B.weight"]
    what = await problem(write_adapter(tmp_path, tensors), Code.MISSING_TENSORS)
    assert "model.layers.1.self_attn.q_proj has no B" in what


@pytest.mark.parametrize("layer", [0, 1])
async def test_a_layer_lacks_a_module(tmp_path: Path, layer: int) -> None:
    tensors = lora_tensors()
    for side in "AB":
        del tensors[f"{LAYER}.{layer}.mlp.down_proj.lora_{side}.weight"]
    what = await problem(write_adapter(tmp_path, tensors), Code.MISSING_TENSORS)
    assert f"model.layers.N.mlp.down_proj in layer {layer}" in what


async def test_a_configured_module_is_nowhere(tmp_path: Path) -> None:
    config = {**LORA, "target_modules": ["q_proj", "down_proj", "v_proj"]}
    what = await problem(write_adapter(tmp_path, lora_tensors(), config), Code.MISSING_TENSORS)
    assert "1 module that" in what
    assert "v_proj" in what
    config = {**LORA, "modules_to_save": ["lm_head"]}
    what = await problem(write_adapter(tmp_path, lora_tensors(), config), Code.MISSING_TENSORS)
    assert "lm_head" in what


async def test_another_rank_than_configured(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path, lora_tensors(rank=2), LORA)
    what = await problem(folder, Code.WRONG_RANK)
    assert "says rank 4, and in adapter_model.safetensors 8 of the matrices are of another" in what


async def test_unlike_shapes_in_unlike_layers(tmp_path: Path) -> None:
    tensors = lora_tensors() | {f"{LAYER}.1.self_attn.q_proj.lora_A.weight": ones(4, 18)}
    what = await problem(write_adapter(tmp_path, tensors), Code.WRONG_SHAPES)
    assert "model.layers.N.self_attn.q_proj" in what


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"base_model_name_or_path": None}, "base_model_name_or_path"),
        ({"r": 0}, "rank r as 0"),
        ({"r": True}, "rank r as true"),
        ({"rank_pattern": {"q_proj": "8"}}, "rank_pattern"),
        ({"target_modules": []}, "target_modules"),
        ({"target_modules": [1]}, "target_modules"),
    ],
)
async def test_a_config_that_says_too_little(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = write_adapter(tmp_path, lora_tensors(), {**LORA, **change})
    assert said in await problem(folder, Code.BROKEN_CONFIG)


async def test_a_truncated_and_a_missing_file(tmp_path: Path) -> None:
    file = write_adapter(tmp_path, lora_tensors()) / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    assert "3 are missing" in await problem(tmp_path, Code.TRUNCATED)
    file.unlink()
    await problem(tmp_path, Code.MISSING_WEIGHTS)
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    assert "adapter_model.bin" in await problem(tmp_path, Code.NOT_SAFETENSORS)


async def test_a_model_with_an_adapter_beside_it_is_examined_as_a_model(tmp_path: Path) -> None:
    write_adapter(tmp_path, hollowed(lora_tensors()))
    report = await examine(write_model(tmp_path, qwen2_tensors(), QWEN2))
    assert report.ok
    assert report.kind is Kind.MODEL
    assert any("was not examined" in note for note in report.notes)
