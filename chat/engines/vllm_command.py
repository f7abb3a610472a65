"""How `vllm serve` is called: our own options first, so that the operator's, said last, win."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from chat.engines.lora import Adapter
from chat.engines.vllm_environment import VllmEnvironment
from chat.engines.vllm_model import Servable
from chat.settings import SettingsError, environment
from perm.types import Value

PLAIN_SAMPLING: Final = {"repetition_penalty": 1.0, "top_k": -1, "min_p": 0.0}
"""In place of what a model's own files ask for: what is drawn is what was asked and recorded."""

LORA_RANKS: Final = (8, 16, 32, 64, 128, 256, 320, 512)
MOST_LORAS: Final = 8
"""Adapters in one batch. More may lie there: they take turns."""

CPU_CACHE_GIB: Final = "2"
"""Memory for conversations on a CPU, where VLLM_CPU_KVCACHE_SPACE does not say otherwise."""


class Plan(Value):
    """What is served: an environment, a model, and the adapters beside it."""

    environment: VllmEnvironment
    model: Servable
    adapters: tuple[Adapter, ...] = ()
    shape: Shape | None = None


class Shape(Value):
    """How the model lies on the hardware.

    `tensor_parallel`: GPUs that one copy is cut across; `data_parallel`: copies that share the
    load; `quantization`: vLLM's name for how the weights are made smaller, empty for as they are.
    """

    tensor_parallel: int = 1
    data_parallel: int = 1
    quantization: str = ""

    @property
    def words(self) -> list[str]:
        """What vLLM must be told; nothing of what is its own default."""
        return [
            *_unless(1, "--tensor-parallel-size", self.tensor_parallel),
            *_unless(1, "--data-parallel-size", self.data_parallel),
            *_unless("", "--quantization", self.quantization),
        ]


def _unless(usual: object, option: str, value: object) -> list[str]:
    return [] if value == usual else [option, str(value)]


def options_of(text: str) -> tuple[str, ...]:
    """The operator's own options. Raises `SettingsError` where the quoting is not closed."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        raise SettingsError(
            "vllm_options cannot be read: a quotation mark is not closed.",
            "Write them as on a command line.",
        ) from None


def command(plan: Plan, context_tokens: int, memory: float, more: Sequence[str]) -> list[str]:
    """The program and its options, less address and key."""
    model = plan.model
    found = [
        str(plan.environment.vllm),
        "serve",
        model.place,
        *("--served-model-name", model.name),
        *(("--revision", model.revision) if model.revision else ()),
        *("--max-model-len", str(_context(model, context_tokens))),
        "--enable-prefix-caching",
        *("--scheduling-policy", "priority"),
        "--enable-prompt-tokens-details",
        *("--override-generation-config", json.dumps(PLAIN_SAMPLING)),
        "--disable-uvicorn-access-log",
    ]
    if plan.environment.on_gpu:
        found += ["--gpu-memory-utilization", f"{memory:g}"]
    else:
        found += ["--dtype", "float32", "--enforce-eager"]
    shape = plan.shape.words if plan.shape else []
    return [*found, *shape, *_lora(plan.adapters), *more]


def variables(plan: Plan, key: str) -> dict[str, str]:
    """More environment: the key, which no list of processes shows, and no word to anybody."""
    found = {
        "VLLM_API_KEY": key,
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
        # FlashInfer and Triton compile with programs that lie beside vLLM's Python.
        "PATH": f"{plan.environment.folder / 'bin'}:{environment('PATH') or ''}",
    }
    if plan.model.local:
        found["HF_HUB_OFFLINE"] = "1"
    if not plan.environment.on_gpu:
        name = "VLLM_CPU_KVCACHE_SPACE"
        found[name] = environment(name) or CPU_CACHE_GIB
    return found


def _lora(adapters: Sequence[Adapter]) -> list[str]:
    if not adapters:
        return []
    rank = max(adapter.rank for adapter in adapters)
    fitting = next((one for one in LORA_RANKS if one >= rank), LORA_RANKS[-1])
    return [
        "--enable-lora",
        *("--max-loras", str(min(len(adapters), MOST_LORAS))),
        *("--max-lora-rank", str(fitting)),
        "--lora-modules",
        *(json.dumps({"name": adapter.name, "path": str(adapter.folder)}) for adapter in adapters),
    ]


def _context(model: Servable, wanted: int) -> int:
    """As set, but never more than the model was made for, where its folder says that."""
    config = _config(Path(model.place)) if model.local else {}
    most = config.get("max_position_embeddings")
    return min(wanted, most) if isinstance(most, int) and most > 0 else wanted


def _config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
