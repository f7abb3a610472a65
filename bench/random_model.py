"""A model of random weights in the shape of Qwen2.5-7B, to measure speed where none can be fetched.

    python -m bench.random_model FOLDER
    python -m bench --engine transformers --model FOLDER --max-tokens 64 --only first-token

It says nothing sensible and seldom ends by itself, hence the limit on its replies; what a token
costs does not depend on the weights. The tokenizer is the small model's, so that the vocabulary has
49,152 words, not 152,064, and the model 6.9 billion parameters, not 7.6.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config

from chat.engines.catalogue import SMOLLM
from chat.settings import Settings
from chat.training import backbone_for

QWEN_7B: Final[Mapping[str, Any]] = {
    "hidden_size": 3584,
    "intermediate_size": 18_944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32_768,
}
"""Source: config.json of Qwen/Qwen2.5-7B-Instruct."""


def write(folder: Path, tokenizer: Path, shape: Mapping[str, Any] = QWEN_7B) -> int:
    """The model in bfloat16 with that folder's tokenizer; how many parameters it has."""
    words = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    config = Qwen2Config(
        vocab_size=len(words), eos_token_id=words.eos_token_id, bos_token_id=None, **shape
    )
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=torch.bfloat16
        )
    model.generation_config.eos_token_id = words.eos_token_id
    model.save_pretrained(folder, max_shard_size="4GB")
    for file in (*tokenizer.glob("tokenizer*"), *tokenizer.glob("chat_template*")):
        shutil.copy(file, folder)
    return sum(one.numel() for one in model.parameters())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--tokenizer", type=Path, help="a folder; else the small model's")
    given = options.parse_args()
    tokenizer = given.tokenizer or Path(
        asyncio.run(backbone_for(SMOLLM.name, Settings().models_dir, print)).place
    )
    count = write(given.folder, tokenizer)
    sys.stdout.write(f"{count:,} parameters in {given.folder}\n")


if __name__ == "__main__":
    main()
