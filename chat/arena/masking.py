"""Identity words out of replies: what would tell a rater who wrote them.

A model names itself ("I'm Qwen, made by Alibaba Cloud"), its maker, its size, or says "as an AI
language model by ...". Each such word becomes the same mask on both sides. Pure; what is stored
stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "▇▇▇"

MODELS: Final = (
    "Qwen", "Tongyi Qianwen", "通义千问", "千问", "Llama", "SmolLM", "Mistral", "Mixtral",
    "Ministral", "ChatGPT", "GPT", "Claude", "Gemini", "Gemma", "Bard", "DeepSeek", "Phi", "Falcon",
    "Vicuna", "Alpaca", "Yi", "ChatGLM", "GLM", "Kimi", "Baichuan", "InternLM", "Grok", "Command R",
    "Copilot", "Nemotron", "OLMo", "Granite", "PERM",
)  # fmt: skip
VENDORS: Final = (
    "Alibaba Cloud", "Alibaba", "阿里云", "阿里巴巴", "OpenAI", "Anthropic", "Google DeepMind",
    "Google", "DeepMind", "Meta AI", "Meta", "Mistral AI", "Microsoft", "Hugging Face",
    "HuggingFace", "Cohere", "xAI", "NVIDIA", "Zhipu AI", "智谱", "Moonshot AI", "Baidu",
    "ByteDance", "Tencent", "IBM", "TII", "AI2", "LMSYS",
)  # fmt: skip

_ALSO_WORDS: Final = frozenset({"phi", "yi", "bard", "meta", "falcon", "granite", "alpaca", "perm"})
"""Names that are words too: masked only as a name is written, with a capital letter."""

_SIZE: Final = (
    r"(?:[ \-_.]?(?:v?\d+(?:\.\d+)*[a-z]?\b|\d+(?:\.\d+)?\s?[bB]\b"
    r"|(?:Instruct|Chat|Coder|Turbo|mini|Base)\b))*"
)
"""What may follow a model's name: version, size, kind."""

_SELF: Final = re.compile(
    r"\b(?:as|being|I\s?[’'`]?\s?a?m|I am|my name is|call me)\s+"
    r"(?:just |only |simply )?(?:an?|the)\s+"
    r"(?:AI|artificial intelligence|(?:large )?language model|chat ?bot"
    r"|(?:virtual|digital|computer|machine)[ \-](?:assistant|program|system|model|intelligence))"
    r"(?:[ \-](?:AI|language|large|model|assistant|chatbot|bot|program|system|based))*\b"
    r"(?:\s+(?:by|from|(?:developed|created|made|trained|built|designed|released)\s+by"
    r"|called|named)\s+[^,.;:!?\n]{1,60})?",
    re.IGNORECASE,
)
_MADE_BY: Final = re.compile(
    r"\b((?:developed|created|trained|built|designed)\s+by)\s+(?:the\s+)?"
    r"[A-Z][\w.&-]*(?:\s+[A-Z][\w.&-]*){0,3}"
)


def mask(text: str, names: Iterable[str] = ()) -> str:
    """The text with everything masked that says what wrote it.

    `names`: further names to mask, such as those of the contestants' models.
    """
    text = _SELF.sub(MASK, text)
    text = _MADE_BY.sub(rf"\1 {MASK}", text)
    for pattern in _patterns(names):
        text = pattern.sub(MASK, text)
    return _once(text)


def _patterns(names: Iterable[str]) -> list[re.Pattern[str]]:
    """Longest first, so that no part of a name is left over."""
    known = {*MODELS, *VENDORS, *(part for name in names for part in _parts(name))}
    return [_pattern(name) for name in sorted(known, key=lambda name: (-len(name), name))]


def _parts(name: str) -> list[str]:
    """A model's name as a whole, and without its path, its file's ending and its size."""
    name = name.strip()
    last = re.sub(r"\.(?:gguf|safetensors)$", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
    family = re.split(r"[-_ .]\d|[-_ ](?:instruct|chat)", last, maxsplit=1, flags=re.IGNORECASE)[0]
    return [part for part in (name, last, family) if len(part) > 2]


def _pattern(name: str) -> re.Pattern[str]:
    if not name.isascii():
        return re.compile(re.escape(name))
    written = r"[ \-_]?".join(map(re.escape, re.split(r"[ \-_]+", name)))
    flags = re.NOFLAG if name.lower() in _ALSO_WORDS else re.IGNORECASE
    return re.compile(rf"(?<![^\W_]){written}(?![^\W\d_]){_SIZE}", flags)


def _once(text: str) -> str:
    """Masks side by side are one: how many there were would tell something, too."""
    return re.sub(rf"{MASK}(?:[\s,'’\-()]*{MASK})+", MASK, text)
