"""Weights unlike what their config or their tokenizer says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perm.checkpoint import Code, examine
from tests.support.checkpoints import (
    LLAMA,
    QUERY,
    QWEN2,
    QWEN2_PARAMETERS,
    codes,
    edit_json,
    llama_tensors,
    only_problem,
    qwen2_tensors,
    write_json,
    write_model,
    write_tokenizer,
)

pytestmark = pytest.mark.unit


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
