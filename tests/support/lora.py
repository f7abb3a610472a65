"""A LoRA adapter for a model that is here, which makes it say something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

RANK: Final = 4


def write_noisy_adapter(folder: Path, backbone: Path, base_model: str, seed: int = 7) -> Path:
    """Random changes of every query and value matrix, large enough to be heard."""
    config = json.loads((backbone / "config.json").read_text("utf-8"))
    width = config["hidden_size"]
    head = config.get("head_dim") or width // config["num_attention_heads"]
    heights = {
        "q_proj": config["num_attention_heads"] * head,
        "v_proj": config["num_key_value_heads"] * head,
    }
    chance = np.random.default_rng(seed)
    tensors: dict[str, NDArray[Any]] = {}
    for layer in range(config["num_hidden_layers"]):
        for module, height in heights.items():
            stem = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            down = chance.normal(0, 0.3, (RANK, width)).astype(np.float32)
            up = chance.normal(0, 0.3, (height, RANK)).astype(np.float32)
            tensors |= {f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    about = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "target_modules": sorted(heights),
        "bias": "none",
    }
    (folder / "adapter_config.json").write_text(json.dumps(about), "utf-8")
    return folder
