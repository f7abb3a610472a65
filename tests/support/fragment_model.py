"""A whole language model in 200 kB, whose words are pieces of a supporter's output.

Its every token is a fragment, so that a reply in the format is five tokens long and a random model
writes one now and then: GRPO has something to find within seconds on a processor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

FORMAT: Final = "# Analysis\nYou are tired.\n\n# Response\n"
WARM: Final = "I hear how tired you are. "
COLD: Final = "Fill in the form. "
END: Final = "<end>"
PIECES: Final = (FORMAT, WARM, COLD)
TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def write_fragment_model(folder: Path, seed: int = 0, context: int = 256) -> Path:
    """A Llama with random weights and its tokenizer, as transformers saves them."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=context,
            initializer_range=0.2,  # enough that the frozen output layer can be sure of a word
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", END, "<pad>", *PIECES]
    tokenizer = Tokenizer(
        models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\S+|\s+"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token=END, pad_token="<pad>"
    )
    fast.chat_template = TEMPLATE
    return fast
