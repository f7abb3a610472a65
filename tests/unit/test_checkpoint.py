"""Small real checkpoints that are whole, what is known only in part, and what is no checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perm.checkpoint import BACKBONE, CheckpointError, CheckpointReport, Code, Kind, ensure, examine
from perm.types import Part
from tests.support.checkpoints import (
    EMBEDDING,
    LLAMA,
    LLAMA_PARAMETERS,
    QWEN2,
    QWEN2_PARAMETERS,
    codes,
    edit_json,
    hollowed,
    llama_tensors,
    ones,
    only_problem,
    qwen2_tensors,
    write_model,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("shards", [1, 3])
async def test_a_whole_qwen2_passes(tmp_path: Path, shards: int) -> None:
    report = await examine(write_model(tmp_path, qwen2_tensors(), QWEN2, shards))
    assert report.ok, report.problems
    assert ensure(report) is report
    assert (report.kind, report.architecture) == (Kind.MODEL, "Qwen2ForCausalLM")
    assert report.parameters_found == report.parameters_expected == QWEN2_PARAMETERS
    assert 0 < report.bytes_read <= sum(path.stat().st_size for path in tmp_path.iterdir())
    assert report.notes == ()


@pytest.mark.parametrize("saved_twice", [False, True])
async def test_a_tied_llama_passes_with_and_without_its_output_layer(
    tmp_path: Path, saved_twice: bool
) -> None:
    tensors = llama_tensors() | ({"lm_head.weight": ones(40, 16)} if saved_twice else {})
    report = await examine(str(write_model(tmp_path, tensors, LLAMA)))
    assert report.ok, report.problems
    assert report.parameters_found == report.parameters_expected == LLAMA_PARAMETERS


async def test_an_older_save_with_its_rotary_buffers_passes(tmp_path: Path) -> None:
    tensors = llama_tensors() | {"model.layers.0.self_attn.rotary_emb.inv_freq": ones(2)}
    report = await examine(write_model(tmp_path, tensors, LLAMA))
    assert report.ok, report.problems
    assert report.parameters_found == LLAMA_PARAMETERS


async def test_an_unknown_architecture_gets_the_generic_checks_and_says_so(tmp_path: Path) -> None:
    config = {"architectures": ["NovelForCausalLM"], "vocab_size": 40}
    folder = write_model(tmp_path, qwen2_tensors(), config)
    report = await examine(folder)
    assert report.ok, report.problems
    assert report.parameters_found == QWEN2_PARAMETERS
    assert report.parameters_expected is None
    assert "NovelForCausalLM is not known here" in report.notes[0]
    edit_json(folder / "config.json", vocab_size=41)
    assert "40 rows" in only_problem(await examine(folder), Code.MISMATCHED_VOCABULARY)


async def test_a_quantised_model_gets_the_generic_checks_and_says_so(tmp_path: Path) -> None:
    packed = {EMBEDDING: ones(40, 16), "model.layers.0.q.qweight": np.ones((2, 16), dtype=np.int32)}
    config = {**QWEN2, "quantization_config": {"quant_method": "awq", "bits": 4}}
    folder = write_model(tmp_path, packed, config)
    report = await examine(folder)
    assert report.ok, report.problems
    assert report.kind is Kind.QUANTISED
    assert "quantised" in report.notes[0]
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert codes(await examine(folder)) == [Code.TRUNCATED]


async def test_what_is_no_checkpoint_at_all(tmp_path: Path) -> None:
    for source in (tmp_path / "absent", "./absent", "no such/thing/here", "a\0b", "", "x" * 5000):
        assert codes(await examine(source)) == [Code.NOT_FOUND]
    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF")
    assert codes(await examine(file)) == [Code.NOT_SAFETENSORS]


async def test_links_into_a_cache_are_followed(tmp_path: Path) -> None:
    blobs = write_model(tmp_path / "blobs", qwen2_tensors(), QWEN2)
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for path in blobs.iterdir():
        (snapshot / path.name).symlink_to(path)
    assert (await examine(snapshot)).ok


async def test_ensure_raises_in_words(tmp_path: Path) -> None:
    report = await examine(write_model(tmp_path, hollowed(qwen2_tensors()), QWEN2))
    with pytest.raises(
        CheckpointError, match="cannot be served: This checkpoint is hollow"
    ) as seen:
        ensure(report)
    assert seen.value.part is Part.ENGINE
    assert BACKBONE in seen.value.todo
    assert seen.value.report is report


def test_a_report_cannot_be_ok_with_a_problem() -> None:
    with pytest.raises(ValueError, match="exactly when"):
        CheckpointReport(source="x", ok=False)
