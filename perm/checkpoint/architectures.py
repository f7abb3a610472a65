"""The tensors that a model must have, by name and shape, computed from its config.json.

The families share one skeleton (embedding, layers of attention and gated feed-forward, a norm, an
output layer) and differ in biases, in norms on the heads, and in what a silent config means. Names
and shapes follow the model classes of transformers and the papers of Llama 2 (arXiv:2307.09288),
Mistral 7B (2310.06825), Qwen2 (2407.10671), Qwen2.5 (2412.15115) and Qwen3 (2505.09388).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from perm.checkpoint.report import OTHERWISE, Code, Halted
from perm.checkpoint.wording import shown
from perm.types import Value

EMBEDDING: Final = "model.embed_tokens.weight"
OUTPUT: Final = "lm_head.weight"
VOCABULARY: Final = frozenset({EMBEDDING, OUTPUT})
"""The tensors that have one row a token."""

Shape = tuple[int, ...]
Bias = Literal["always", "configured", "never"]

_BUFFER: Final = re.compile(r"model\.(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq")
_MOST_LAYERS: Final = 1000
_MOST_WIDE: Final = 2**24


class Family(Value):
    """How one architecture fills the skeleton. `kv_heads`, `head_dim`, `tied`: where config.json is
    silent; None is the number of heads, or the width divided by it."""

    architecture: str
    model_type: str
    kv_heads: int | None = None
    head_dim: int | None = None
    tied: bool = False
    query_bias: Bias = "never"  # of query, key and value alike
    output_bias: Bias = "never"
    mlp_bias: Bias = "never"
    head_norms: bool = False


FAMILIES: Final = (
    Family(architecture="Qwen2ForCausalLM", model_type="qwen2", kv_heads=32, query_bias="always"),
    Family(
        architecture="LlamaForCausalLM",
        model_type="llama",
        query_bias="configured",
        output_bias="configured",
        mlp_bias="configured",
    ),
    Family(architecture="MistralForCausalLM", model_type="mistral", kv_heads=8),
    Family(
        architecture="Qwen3ForCausalLM",
        model_type="qwen3",
        kv_heads=32,
        head_dim=128,
        query_bias="configured",
        output_bias="configured",
        head_norms=True,
    ),
    Family(
        architecture="SmolLM3ForCausalLM",
        model_type="smollm3",
        kv_heads=4,
        tied=True,
        query_bias="configured",
        output_bias="configured",
        mlp_bias="configured",
    ),
)


class Expected(Value):
    """The tensors that must be there, and those that may (a tied output layer, saved twice)."""

    architecture: str
    layers: int
    required: Mapping[str, Shape]
    optional: Mapping[str, Shape]

    @property
    def shapes(self) -> dict[str, Shape]:
        return {**self.required, **self.optional}

    @property
    def parameters(self) -> int:
        return sum(map(math.prod, self.required.values()))


def is_buffer(name: str) -> bool:
    """Computed values that older versions saved with the weights; loaders pass over them."""
    return _BUFFER.fullmatch(name) is not None


def family_of(architecture: str) -> Family | None:
    return next((known for known in FAMILIES if known.architecture == architecture), None)


def architecture_of(config: Mapping[str, Any]) -> str:
    """What config.json calls the model, else what its model_type implies, else empty."""
    names = config.get("architectures")
    if isinstance(names, list) and names and isinstance(names[0], str):
        return names[0]
    kind = config.get("model_type")
    return next((known.architecture for known in FAMILIES if known.model_type == kind), "")


def expected_tensors(family: Family, config: Mapping[str, Any]) -> Expected:
    """Names and shapes for this config. Raises Halted if it does not say enough."""
    width = _whole(config, "hidden_size")
    vocabulary = _whole(config, "vocab_size")
    layers = _whole(config, "num_hidden_layers", most=_MOST_LAYERS)
    layer = _layer(family, config, width)
    required: dict[str, Shape] = {EMBEDDING: (vocabulary, width)}
    for number in range(layers):
        required |= {f"model.layers.{number}.{name}": shape for name, shape in layer.items()}
    required["model.norm.weight"] = (width,)
    output: dict[str, Shape] = {OUTPUT: (vocabulary, width)}
    tied = config.get("tie_word_embeddings", family.tied) is True
    return Expected(
        architecture=family.architecture,
        layers=layers,
        required=required if tied else required | output,
        optional=output if tied else {},
    )


def _layer(family: Family, config: Mapping[str, Any], width: int) -> dict[str, Shape]:
    inner = _whole(config, "intermediate_size")
    heads, kv_heads, head = _heads(family, config, width)
    query, key = heads * head, kv_heads * head
    attention: dict[str, tuple[Shape, Bias]] = {
        "q_proj": ((query, width), family.query_bias),
        "k_proj": ((key, width), family.query_bias),
        "v_proj": ((key, width), family.query_bias),
        "o_proj": ((width, query), family.output_bias),
    }
    mlp: dict[str, tuple[Shape, Bias]] = {
        "gate_proj": ((inner, width), family.mlp_bias),
        "up_proj": ((inner, width), family.mlp_bias),
        "down_proj": ((width, inner), family.mlp_bias),
    }
    found: dict[str, Shape] = {
        "input_layernorm.weight": (width,),
        "post_attention_layernorm.weight": (width,),
        **_linear("self_attn", attention, config.get("attention_bias") is True),
        **_linear("mlp", mlp, config.get("mlp_bias") is True),
    }
    if family.head_norms:
        found |= {"self_attn.q_norm.weight": (head,), "self_attn.k_norm.weight": (head,)}
    return found


def _linear(
    block: str, parts: Mapping[str, tuple[Shape, Bias]], configured: bool
) -> dict[str, Shape]:
    """Each part's weight (out × in), and its bias (out) where it has one."""
    found: dict[str, Shape] = {}
    for name, (shape, bias) in parts.items():
        found[f"{block}.{name}.weight"] = shape
        if bias == "always" or (bias == "configured" and configured):
            found[f"{block}.{name}.bias"] = shape[:1]
    return found


def _heads(family: Family, config: Mapping[str, Any], width: int) -> tuple[int, int, int]:
    """Heads of the queries, heads of keys and values, and the width of one head."""
    heads = _whole(config, "num_attention_heads")
    kv_heads = _whole(config, "num_key_value_heads", family.kv_heads or heads, null=heads)
    if config.get("head_dim", family.head_dim) is None and width % heads:
        raise _broken(f"hidden_size {width:,} cannot be shared by num_attention_heads {heads:,}")
    even = width // heads
    return heads, kv_heads, _whole(config, "head_dim", family.head_dim or even, null=even)


def _whole(
    config: Mapping[str, Any],
    key: str,
    default: int | None = None,
    null: int | None = None,
    most: int = _MOST_WIDE,
) -> int:
    """A whole number from 1 to `most`. `default` where it is left out, `null` where it is null."""
    value = config.get(key, default)
    if value is None and key in config:
        value = null
    if value is None:
        raise _broken(f"{key} is not given")
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise _broken(f"{key} is {shown(value)}, not a whole number from 1 to {most:,}")
    return value


def _broken(how: str) -> Halted:
    return Halted(
        Code.BROKEN_CONFIG,
        f"config.json cannot be right: {how}.",
        f"Fetch config.json again, or {OTHERWISE}",
    )
