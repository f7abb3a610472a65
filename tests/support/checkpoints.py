"""Small real checkpoints, written with the safetensors library, to be damaged on purpose.

The shapes are written out by hand, so that what is expected of them is not computed twice by the
same code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from perm.checkpoint import BACKBONE, CheckpointReport, Code

Arrays = dict[str, NDArray[Any]]

QWEN2: Final[dict[str, Any]] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 40,
    "tie_word_embeddings": False,
}
LLAMA: Final[dict[str, Any]] = {
    **QWEN2,
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
}
LORA: Final[dict[str, Any]] = {
    "peft_type": "LORA",
    "base_model_name_or_path": "Qwen/Qwen2.5-7B-Instruct",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["q_proj", "down_proj"],
}
QWEN2_PARAMETERS: Final = 40 * 16 * 2 + 16 + 2 * (2 * 16 + 2 * 256 + 2 * 128 + 32 + 3 * 384)
LLAMA_PARAMETERS: Final = 40 * 16 + 16 + 2 * (2 * 16 + 2 * 256 + 2 * 128 + 3 * 384)
VECTOR_PARAMETERS: Final = 16 + 2 * (2 * 16 + 32)
"""Of the tiny Qwen2: its norms and biases alone."""

EMBEDDING: Final = "model.embed_tokens.weight"
QUERY: Final = "model.layers.1.self_attn.q_proj.weight"
INDEX: Final = "model.safetensors.index.json"


def ones(*shape: int) -> NDArray[Any]:
    return np.ones(shape, dtype=np.float16)


def llama_tensors(layers: int = 2) -> Arrays:
    tensors = {EMBEDDING: ones(40, 16), "model.norm.weight": ones(16)}
    for number in range(layers):
        layer = f"model.layers.{number}"
        tensors |= {
            f"{layer}.input_layernorm.weight": ones(16),
            f"{layer}.post_attention_layernorm.weight": ones(16),
            f"{layer}.self_attn.q_proj.weight": ones(16, 16),
            f"{layer}.self_attn.k_proj.weight": ones(8, 16),
            f"{layer}.self_attn.v_proj.weight": ones(8, 16),
            f"{layer}.self_attn.o_proj.weight": ones(16, 16),
            f"{layer}.mlp.gate_proj.weight": ones(24, 16),
            f"{layer}.mlp.up_proj.weight": ones(24, 16),
            f"{layer}.mlp.down_proj.weight": ones(16, 24),
        }
    return tensors


def qwen2_tensors(layers: int = 2) -> Arrays:
    tensors = llama_tensors(layers) | {"lm_head.weight": ones(40, 16)}
    for number in range(layers):
        attention = f"model.layers.{number}.self_attn"
        tensors |= {
            f"{attention}.q_proj.bias": ones(16),
            f"{attention}.k_proj.bias": ones(8),
            f"{attention}.v_proj.bias": ones(8),
        }
    return tensors


def hollowed(tensors: Arrays) -> Arrays:
    """As ZeRO-3 leaves it without gathering: every matrix an empty tensor, vectors whole."""
    return {name: array if array.ndim == 1 else ones(0) for name, array in tensors.items()}


def lora_tensors(rank: int = 4, layers: int = 2) -> Arrays:
    tensors: Arrays = {}
    for number in range(layers):
        layer = f"base_model.model.model.layers.{number}"
        tensors |= {
            f"{layer}.self_attn.q_proj.lora_A.weight": ones(rank, 16),
            f"{layer}.self_attn.q_proj.lora_B.weight": ones(16, rank),
            f"{layer}.mlp.down_proj.lora_A.weight": ones(rank, 24),
            f"{layer}.mlp.down_proj.lora_B.weight": ones(16, rank),
        }
    return tensors


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def write_tokenizer(folder: Path, tokens: int = 38, added: int = 2) -> None:
    """A tokenizer of so many tokens, the last of them added ones, as a BPE's files look."""
    special = [{"id": number, "content": f"<{number}>"} for number in range(tokens - added, tokens)]
    vocabulary = {f"t{number}": number for number in range(tokens - added)}
    write_json(
        folder / "tokenizer.json",
        {"version": "1.0", "added_tokens": special, "model": {"type": "BPE", "vocab": vocabulary}},
    )
    decoder = {str(token["id"]): {"content": token["content"]} for token in special}
    write_json(folder / "tokenizer_config.json", {"added_tokens_decoder": decoder})


def write_model(
    folder: Path,
    tensors: Mapping[str, NDArray[Any]],
    config: Mapping[str, Any] | None = None,
    shards: int = 1,
) -> Path:
    """A model's folder: weights in one file or in shards with their index, config, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    if config is not None:
        write_json(folder / "config.json", config)
    write_tokenizer(folder)
    if shards == 1:
        save_file(dict(tensors), folder / "model.safetensors", metadata={"format": "pt"})
        return folder
    homes: dict[str, str] = {}
    for number in range(shards):
        name = shard_name(number + 1, shards)
        part = dict(list(tensors.items())[number::shards])
        save_file(part, folder / name, metadata={"format": "pt"})
        homes |= dict.fromkeys(part, name)
    write_json(folder / INDEX, {"metadata": {}, "weight_map": homes})
    return folder


def write_adapter(
    folder: Path, tensors: Mapping[str, NDArray[Any]], config: Mapping[str, Any] | None = None
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "adapter_config.json", LORA if config is None else config)
    save_file(dict(tensors), folder / "adapter_model.safetensors")
    return folder


def shard_name(number: int, total: int) -> str:
    return f"model-{number:05d}-of-{total:05d}.safetensors"


def write_raw(path: Path, header: object, data: bytes = b"", length: int | None = None) -> None:
    """A file with any header: JSON of what is given, or the bytes themselves."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def edit_json(path: Path, **changes: object) -> None:
    """Sets what is given; None removes."""
    found = {**json.loads(path.read_text("utf-8")), **changes}
    write_json(path, {name: value for name, value in found.items() if value is not None})


def codes(report: CheckpointReport) -> list[Code]:
    return [problem.code for problem in report.problems]


def only_problem(report: CheckpointReport, code: Code) -> str:
    """The words of the one problem there is. Every problem says what to use instead."""
    assert codes(report) == [code], report.problems
    assert BACKBONE in report.problems[0].todo
    assert "LoRA adapter trained here" in report.problems[0].todo
    return report.problems[0].what
