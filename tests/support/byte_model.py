"""A model and a tokenizer so small that a step of training takes a moment. They know nothing."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

CHATML: Final = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MARKS: Final = ("<pad>", "<|im_start|>", "<|im_end|>")


@lru_cache
def tokenizer() -> Any:
    """Single bytes, ChatML's marks, and its template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = pre_tokenizers.ByteLevel.alphabet()
    words = {word: number for number, word in enumerate([*MARKS, *sorted(letters)])}
    made = Tokenizer(models.BPE(vocab=words, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=made, pad_token="<pad>", eos_token="<|im_end|>"
    )
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    fast.chat_template = CHATML
    return fast


def _config(**more: Any) -> Any:
    from transformers import Qwen2Config

    words = tokenizer()
    return Qwen2Config(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id,
        bos_token_id=None,
        **more,
    )


def save_writer(folder: Path) -> str:
    """A causal model with its tokenizer, in a folder: some trainers load it a second time."""
    from transformers import Qwen2ForCausalLM

    Qwen2ForCausalLM(_config()).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


def save_scorer(folder: Path) -> str:
    """A model with one number for a whole text, and its tokenizer."""
    from transformers import Qwen2ForSequenceClassification

    made = Qwen2ForSequenceClassification(_config(num_labels=1))  # type: ignore[no-untyped-call]
    made.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)
