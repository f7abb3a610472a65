"""Expected tensors against the parameter counts that the models' authors publish."""

from __future__ import annotations

from typing import Any

import pytest

from perm.checkpoint.architectures import architecture_of, expected_tensors, family_of

pytestmark = pytest.mark.unit


SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
)


def config(kind: str, *sizes: int, **more: Any) -> dict[str, Any]:
    return {"model_type": kind, **dict(zip(SIZES, sizes, strict=True)), **more}


QWEN_7B = config("qwen2", 3584, 18944, 28, 28, 152064, num_key_value_heads=4)
QWEN_15B = config(
    "qwen2", 1536, 8960, 28, 12, 151936, num_key_value_heads=2, tie_word_embeddings=True
)
QWEN_05B = config(
    "qwen2", 896, 4864, 24, 14, 151936, num_key_value_heads=2, tie_word_embeddings=True
)
SMOLLM2 = config("llama", 576, 1536, 30, 9, 49152, num_key_value_heads=3, tie_word_embeddings=True)
SMOLLM3 = config("smollm3", 2048, 11008, 36, 16, 128256, num_key_value_heads=4)
LLAMA2_7B = config("llama", 4096, 11008, 32, 32, 32000)
LLAMA3_8B = config("llama", 4096, 14336, 32, 32, 128256, num_key_value_heads=8)
MISTRAL_7B = config("mistral", 4096, 14336, 32, 32, 32000)
NEMO_12B = config("mistral", 5120, 14336, 40, 32, 131072, num_key_value_heads=8, head_dim=128)
QWEN3_8B = config("qwen3", 4096, 12288, 36, 32, 151936, num_key_value_heads=8)


@pytest.mark.parametrize(
    ("known", "parameters"),
    [
        (QWEN_7B, 7_615_616_512),
        (QWEN_15B, 1_543_714_304),
        (QWEN_05B, 494_032_768),
        (SMOLLM2, 134_515_008),
        (SMOLLM3, 3_075_098_624),
        (LLAMA2_7B, 6_738_415_616),
        (LLAMA3_8B, 8_030_261_248),
        (MISTRAL_7B, 7_241_732_096),
        (NEMO_12B, 12_247_782_400),
        (QWEN3_8B, 8_190_735_360),
    ],
)
def test_published_parameter_counts(known: dict[str, Any], parameters: int) -> None:
    family = family_of(architecture_of(known))
    assert family is not None
    assert expected_tensors(family, known).parameters == parameters


def test_the_vectors_of_the_7b_are_what_its_published_perm_model_holds() -> None:
    family = family_of("Qwen2ForCausalLM")
    assert family is not None
    shapes = expected_tensors(family, QWEN_7B).required.values()
    assert sum(shape[0] for shape in shapes if len(shape) == 1) == 333_312


def test_an_architecture_that_is_not_known() -> None:
    assert architecture_of({"model_type": "novel"}) == ""
    assert architecture_of({"architectures": [5]}) == ""
    assert family_of("NovelForCausalLM") is None
