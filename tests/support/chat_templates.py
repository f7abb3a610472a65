"""The chat-template families as their models' cards describe them: tokens, and how a chat is laid
out with them. Only what a test needs to count the special tokens of a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from langchain_core.messages import BaseMessage
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers


class Family(NamedTuple):
    """`opens`: what stands before a message of a role, `closes`: what stands behind any."""

    name: str
    tokens: tuple[str, ...]
    opens: str
    closes: str
    begins: str = ""

    def render(self, messages: Sequence[BaseMessage]) -> str:
        """The prompt that a server makes of the messages."""
        said = "".join(
            self.opens.replace("ROLE", message.type) + str(message.content) + self.closes
            for message in messages
        )
        return self.begins + said

    def tokenizers(self) -> list[Tokenizer]:
        """As most are made, and as one that normalises before it looks for special tokens."""
        return [self._tokenizer(normalising=False), self._tokenizer(normalising=True)]

    def _tokenizer(self, *, normalising: bool) -> Tokenizer:
        made = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        if normalising:
            made.normalizer = normalizers.NFKC()
        made.add_special_tokens(
            [AddedToken(token, special=True, normalized=normalising) for token in self.tokens]
        )
        return made


def special_tokens(tokenizer: Tokenizer, text: str) -> int:
    """How many special tokens the tokenizer finds in a text."""
    return sum(number != 0 for number in tokenizer.encode(text, add_special_tokens=False).ids)


FAMILIES: Final = (
    Family(
        "chatml",
        ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>"),
        "<|im_start|>ROLE\n",
        "<|im_end|>\n",
    ),
    Family(
        "llama-3",
        (
            *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
            *("<|eot_id|>", "<|eom_id|>", "<|python_tag|>"),
        ),
        "<|start_header_id|>ROLE<|end_header_id|>\n\n",
        "<|eot_id|>",
        "<|begin_of_text|>",
    ),
    Family(
        "llama-2",
        ("<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
        "[INST] ",
        " [/INST]",
        "<s>",
    ),
    Family(
        "mistral",
        (
            *("<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
            *("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[IMG]", "[PREFIX]"),
        ),
        "[INST]",
        "[/INST]",
        "<s>",
    ),
    Family(
        "gemma",
        ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<unused0>", "<start_of_image>"),
        "<start_of_turn>ROLE\n",
        "<end_of_turn>\n",
        "<bos>",
    ),
    Family(
        "phi",
        ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"),
        "<|user|>\n",
        "<|end|>\n",
    ),
    Family(
        "deepseek",
        (
            *("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"),
            *("<think>", "</think>"),
        ),
        "<｜User｜>",
        "<｜end▁of▁sentence｜>",
        "<｜begin▁of▁sentence｜>",
    ),
    Family(
        "command",
        (
            *("<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
            *("<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>"),
        ),
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>",
        "<|END_OF_TURN_TOKEN|>",
        "<BOS_TOKEN>",
    ),
    Family(
        "gpt-oss",
        ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>"),
        "<|start|>ROLE<|message|>",
        "<|end|>",
    ),
    Family(
        "glm",
        ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
        "<|user|>\n",
        "",
        "[gMASK]<sop>",
    ),
    Family(
        "internlm",
        ("<|im_start|>", "<|im_end|>", "[UNUSED_TOKEN_145]", "[UNUSED_TOKEN_146]", "<s>", "</s>"),
        "<|im_start|>ROLE\n",
        "<|im_end|>\n",
    ),
)
"""Every family's tokens are tried against every family's tokenizer."""

EVERY_TOKEN: Final = tuple(dict.fromkeys(token for family in FAMILIES for token in family.tokens))
