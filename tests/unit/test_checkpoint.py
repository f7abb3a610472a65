"""Small real checkpoints, whole and damaged in every way that is told apart."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perm.checkpoint import (
    BACKBONE,
    CheckpointError,
    CheckpointReport,
    Code,
    Kind,
    ensure,
    examine,
)
from perm.types import Part
from tests.support.checkpoints import (
    EMBEDDING,
    INDEX,
    LLAMA,
    LLAMA_PARAMETERS,
    QUERY,
    QWEN2,
    QWEN2_PARAMETERS,
    VECTOR_PARAMETERS,
    edit_json,
    hollowed,
    llama_tensors,
    ones,
    qwen2_tensors,
    shard_name,
    write_json,
    write_model,
    write_tokenizer,
)

pytestmark = pytest.mark.unit


def codes(report: CheckpointReport) -> list[Code]:
    return [problem.code for problem in report.problems]


def only_problem(report: CheckpointReport, code: Code) -> str:
    """The words of the one problem there is. Every problem says what to use instead."""
    assert codes(report) == [code], report.problems
    assert BACKBONE in report.problems[0].todo
    assert "LoRA adapter trained here" in report.problems[0].todo
    return report.problems[0].what


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


@pytest.mark.parametrize("kept", [0, 5, 8, 400, -1])
async def test_truncated_anywhere(tmp_path: Path, kept: int) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=2)
    file = folder / shard_name(2, 2)
    data = file.read_bytes()
    file.write_bytes(data[:kept])
    what = only_problem(await examine(folder), Code.TRUNCATED)
    assert file.name in what
    assert f"{len(data[:kept]):,}" in what or "1 are missing" in what


async def test_another_architecture_with_like_names(tmp_path: Path) -> None:
    what = only_problem(
        await examine(
            write_model(tmp_path, qwen2_tensors(), {**LLAMA, "tie_word_embeddings": False})
        ),
        Code.WRONG_ARCHITECTURE,
    )
    assert "config.json says LlamaForCausalLM" in what
    assert "model.layers.N.self_attn.k_proj.bias" in what
    assert "Qwen2ForCausalLM" in what


async def test_weights_that_lack_what_the_architecture_always_has(tmp_path: Path) -> None:
    config = {**QWEN2, "tie_word_embeddings": True}
    what = only_problem(
        await examine(write_model(tmp_path, llama_tensors(), config)), Code.WRONG_ARCHITECTURE
    )
    assert "They are those of LlamaForCausalLM" in what


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: "module." + name,
        lambda name: name.replace("model.layers", "transformer.h"),
        lambda name: name.removeprefix("model."),
    ],
)
async def test_another_architecture_with_unlike_names(
    tmp_path: Path, rename: Callable[[str], str]
) -> None:
    tensors = {rename(name): array for name, array in qwen2_tensors().items()}
    report = await examine(write_model(tmp_path, tensors, QWEN2))
    assert "Qwen2ForCausalLM" in only_problem(report, Code.WRONG_ARCHITECTURE)


async def test_config_that_contradicts_itself_or_writes_no_text(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), {**QWEN2, "model_type": "llama"})
    assert "contradicts itself" in only_problem(await examine(folder), Code.WRONG_ARCHITECTURE)
    edit_json(folder / "config.json", architectures=["Qwen2ForSequenceClassification"])
    assert "writes no text" in only_problem(await examine(folder), Code.WRONG_ARCHITECTURE)


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
    "lost", ["model.norm.weight", "lm_head.weight", "model.layers.0.mlp.up_proj.weight"]
)
async def test_a_tensor_is_missing(tmp_path: Path, lost: str) -> None:
    tensors = {name: array for name, array in qwen2_tensors().items() if name != lost}
    what = only_problem(await examine(write_model(tmp_path, tensors, QWEN2)), Code.MISSING_TENSORS)
    assert "1 of 27 tensors" in what
    assert lost in what


async def test_fewer_and_more_layers_than_configured(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(layers=1), QWEN2)
    assert "12 of 27" in only_problem(await examine(folder), Code.MISSING_TENSORS)
    write_model(folder, qwen2_tensors(layers=3), QWEN2)
    what = only_problem(await examine(folder), Code.WRONG_SHAPES)
    assert "2 layers, and 12 tensors are there beyond them" in what


async def test_rows_unlike_vocab_size(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), {**QWEN2, "vocab_size": 48})
    what = only_problem(await examine(folder), Code.MISMATCHED_VOCABULARY)
    assert "vocab_size 48" in what
    assert "model.embed_tokens.weight has 40 rows, lm_head.weight has 40 rows" in what


@pytest.mark.parametrize(("tokens", "said"), [(43, "43 tokens"), (12, "another model's tokenizer")])
async def test_a_tokenizer_of_another_size(tmp_path: Path, tokens: int, said: str) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2)
    write_tokenizer(folder, tokens)
    what = only_problem(await examine(folder), Code.MISMATCHED_VOCABULARY)
    assert said in what
    assert "tokenizer.json" in what
    assert "40 rows" in what


async def test_a_large_tokenizer_is_known_by_its_added_tokens(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2)
    write_tokenizer(folder, tokens=400_000)
    (folder / "tokenizer_config.json").unlink()
    assert (folder / "tokenizer.json").stat().st_size > 4 * 2**20
    report = await examine(folder)
    assert "at least 400,000 tokens" in only_problem(report, Code.MISMATCHED_VOCABULARY)
    assert report.bytes_read < 2**20


async def test_a_missing_tokenizer_is_noted_and_a_broken_one_is_a_problem(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2)
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")
    assert "tokenizer.json" in only_problem(await examine(folder), Code.BROKEN_TOKENIZER)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    report = await examine(folder)
    assert report.ok
    assert "no tokenizer" in report.notes[0]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"intermediate_size": 32}, "gate_proj.weight is 24 × 16 and should be 32 × 16"),
        ({"num_key_value_heads": 4}, "k_proj.bias is 8 and should be 16"),
        ({"head_dim": 8}, "q_proj.weight is 16 × 16 and should be 32 × 16"),
        ({"hidden_size": 32}, "model.embed_tokens.weight is 40 × 16 and should be 40 × 32"),
    ],
)
async def test_shapes_unlike_the_config(tmp_path: Path, change: dict[str, int], shown: str) -> None:
    report = await examine(write_model(tmp_path, qwen2_tensors(), {**QWEN2, **change}))
    what = only_problem(report, Code.WRONG_SHAPES)
    assert shown in what or "more (model.safetensors)" in what
    assert re.search(r"\d+ × 16 and should be|is 8 and should be", what)


async def test_weights_stored_as_whole_numbers(tmp_path: Path) -> None:
    tensors = qwen2_tensors() | {QUERY: np.ones((16, 16), dtype=np.int16)}
    what = only_problem(await examine(write_model(tmp_path, tensors, QWEN2)), Code.WRONG_TYPE)
    assert f"1 tensor is not stored as plain weights: {QUERY} as I16" in what


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


async def test_config_that_is_missing_or_broken(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors())
    report = await examine(folder)
    only_problem(report, Code.MISSING_CONFIG)
    assert report.parameters_found == QWEN2_PARAMETERS
    for text in ("", "[]", "{" * 100_000, '{"vocab_size": ' + "9" * 9999 + "}"):
        (folder / "config.json").write_text(text, encoding="utf-8")
        assert codes(await examine(folder)) == [Code.BROKEN_CONFIG]
    for change in ({"hidden_size": None}, {"num_hidden_layers": 10**12}, {"vocab_size": "40"}):
        write_json(folder / "config.json", {**QWEN2, **change})
        assert next(iter(change)) in only_problem(await examine(folder), Code.BROKEN_CONFIG)


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
