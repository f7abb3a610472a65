"""A folder of safetensors into memory, and what the rest wants to know of the model."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jinja2
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from langchain_core.messages import AIMessage, BaseMessage
from pydantic import Field
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers import __version__ as transformers_version
from transformers.utils import logging as transformers_logging

from chat.engines.in_process.adapters import Adapters, put_beside
from chat.engines.in_process.memory import free_bytes
from perm.types import EngineError, EngineFault, Value

PIECE_ON_GPU: Final = 1024
PIECE_ON_CPU: Final = 128
"""Tokens of a prompt that are read at a stretch: how long a new message may have to wait."""

NEEDED: Final = {"position_ids", "cache", "logits_to_keep"}
"""What a model must take to be read row by row, and from where another prompt left off."""

ROLES: Final = {"system": "system", "human": "user", "ai": "assistant"}
FILES: Final = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]


class Plan(Value):
    """What is to be loaded. `place`: a folder, or a repository with its `revision`.

    `adapters`: the folders of the LoRA adapters beside it, by the names they are asked for.
    `memory`: the part of a GPU's memory that may be taken. `threads`: 0 leaves torch its own.
    """

    place: str
    revision: str | None
    context_tokens: int
    adapters: Mapping[str, Path] = Field(default_factory=dict)
    memory: float = 0.9
    threads: int = 0


class Loaded:
    """A model with its tokenizer, on its device, and the adapters that lie beside it."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - any architecture
        tokenizer: Any,  # noqa: ANN401 - likewise
        device: str,
        context: int,
        adapters: Adapters | None = None,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self._adapters = adapters or Adapters()
        self.device, self.context = device, context
        on_gpu = device != "cpu"
        self.piece = PIECE_ON_GPU if on_gpu else PIECE_ON_CPU
        self.reads_together = on_gpu
        """A processor is busy with one prompt already; a GPU's time goes into starting kernels."""
        self.ends = _ends(model, tokenizer)
        self.name_of: Callable[[int], str] = lru_cache(100_000)(self._one)

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of those that fit; whoever asks for any other name gets the backbone."""
        return self._adapters.names

    def adapter_for(self, model: str | None) -> str:
        """The adapter that a call asks for; empty where it is the backbone alone."""
        return model if model in self.adapters else ""

    def speaking_as(self, adapters: Sequence[str]) -> Mapping[str, Any]:
        """What the model must be told so that each row is read with its own adapter."""
        return self._adapters.told(adapters)

    def prompt(self, messages: Sequence[BaseMessage]) -> list[int]:
        """The tokens of a conversation; an assistant's message at its end is left open.

        Raises `EngineError` (REQUEST, TOO_LONG).
        """
        *before, last = messages
        continued = isinstance(last, AIMessage)
        asked = before if continued else messages
        try:
            text = self.tokenizer.apply_chat_template(
                [{"role": ROLES[one.type], "content": _clean(str(one.text))} for one in asked],
                add_generation_prompt=True,
                tokenize=False,
            )
        except (jinja2.TemplateError, KeyError):
            raise EngineError(
                EngineFault.REQUEST,
                "The model's chat template does not take this conversation.",
                "Use a model whose template knows system, user and assistant.",
            ) from None
        text += _clean(str(last.text)) if continued else ""
        tokens: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(tokens) >= self.context:
            raise EngineError(
                EngineFault.TOO_LONG,
                f"The prompt has {len(tokens)} tokens, the context holds {self.context}.",
                "Start a new conversation, or set a larger context.",
            )
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _one(self, token: int) -> str:
        """A token by itself, special ones by their names."""
        text: str = self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return text


def load(plan: Plan, tell: Callable[[str], None]) -> Loaded:
    """Fetch what is not here, then load it. Raises `EngineError`."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = Path(plan.place) if plan.revision is None else _fetched(plan, tell)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    if plan.threads:
        torch.set_num_threads(plan.threads)
    if device == "cuda":
        torch.cuda.set_per_process_memory_fraction(plan.memory)
    tell("The model is being loaded.")
    _need_room(folder, dtype, device)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if not tokenizer.chat_template:
        raise EngineError(
            EngineFault.NOT_READY,
            "The model has no chat template: it was not made for conversations.",
            "Use an instruct or chat model.",
        )
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, device_map=device, use_safetensors=True, local_files_only=True
    )
    model.eval()  # type: ignore[no-untyped-call]
    _must_be_served_here(model)
    context = min(plan.context_tokens, _longest(model))
    whole, adapters = put_beside(model, plan.adapters)
    return Loaded(whole, tokenizer, device, context, adapters)


def _fetched(plan: Plan, tell: Callable[[str], None]) -> Path:
    tell(f"The model {plan.place} is being fetched from the hub.")
    try:
        folder = snapshot_download(plan.place, revision=plan.revision, allow_patterns=FILES)
    except (OSError, HfHubHTTPError):
        raise EngineError(
            EngineFault.UNREACHABLE,
            f"The model {plan.place} cannot be fetched from the Hugging Face hub right now.",
            "Check the network. What has come is kept; the next start goes on from there.",
        ) from None
    return Path(folder)


def _need_room(folder: Path, dtype: torch.dtype, device: str) -> None:
    """Refuse what does not fit before it is loaded: a system that runs out kills the app."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    stored = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    width = getattr(torch, stored).itemsize if hasattr(torch, stored) else 4
    files = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    need, free = files * dtype.itemsize // width, free_bytes(device)
    if free is not None and need > free:
        where = "the GPU" if device == "cuda" else "this machine"
        raise EngineError(
            EngineFault.NOT_READY,
            f"The model needs {need / 1e9:.1f} GB of memory, and {where} has {free / 1e9:.1f} GB "
            "free.",
            "Close other programs, or choose a smaller model.",
        )


def _must_be_served_here(model: Any) -> None:  # noqa: ANN401 - any architecture
    """Batches and kept prefixes are made for attention that sees all, position by position."""
    takes = inspect.signature(model.forward).parameters
    missing = NEEDED - set(takes)
    if missing == {"cache"} and "past_key_values" in takes:  # its name before transformers 5.24
        raise EngineError(
            EngineFault.NOT_READY,
            f"transformers {transformers_version} is too old for this engine.",
            "Bring it up to date: pip install -e '.[transformers]'.",
        )
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if missing or kinds - {"full_attention"}:
        raise EngineError(
            EngineFault.NOT_READY,
            f"The engine transformers does not serve models of the kind {model.config.model_type}.",
            "Serve it with vLLM, or choose a model of the Llama or Qwen kind.",
        )


def _longest(model: Any) -> int:  # noqa: ANN401 - any architecture
    """Tokens that the model was made for; with a sliding window, those that it sees at once."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    if not getattr(config, "use_sliding_window", True):
        window = None
    trained = getattr(config, "max_position_embeddings", None)
    return min(int(trained or sys.maxsize), int(window or sys.maxsize))


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401 - any architecture
    """The tokens that end an answer."""
    told = getattr(model.generation_config, "eos_token_id", None)
    ends = told if isinstance(told, list) else [told]
    return frozenset(token for token in (*ends, tokenizer.eos_token_id) if token is not None)


def _clean(text: str) -> str:
    """Without lone surrogates, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
