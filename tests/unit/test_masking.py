"""Identity words are masked, and people's words are left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.arena.masking import MASK, MODELS, VENDORS, mask

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("I'm Qwen, and I listen.", f"I'm {MASK}, and I listen."),
        ("I am QWEN2.5-7B-Instruct.", f"I am {MASK}."),
        ("Qwen 2.5 here!", f"{MASK} here!"),
        ("As an AI language model, I cannot feel.", f"{MASK}, I cannot feel."),
        ("as an AI model by Alibaba Cloud, I hear you", f"{MASK}, I hear you"),
        ("I’m an AI assistant created by OpenAI. Tell me.", f"{MASK}. Tell me."),
        ("I was developed by Example Labs in May.", f"I was developed by {MASK} in May."),
        ("ChatGPT-4 or gpt-4o-mini?", f"{MASK} or {MASK}?"),
        ("我是通义千问。", f"我是{MASK}。"),
        ("Llama 3.1 8B Instruct says hello", f"{MASK} says hello"),
        ("Made at Hugging Face, Google DeepMind", f"Made at {MASK}"),
    ],
)
def test_what_tells_who_wrote_it_is_masked(said: str, shown: str) -> None:
    assert mask(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "I am a nurse and I am tired; a model of patience.",
        "The meta question is why it hurts. The falcon flew; she perm-ed her hair.",
        "As a friend, I would say: breathe. I am an aunt now.",
        "My yi-ha friend, in alpaca wool, stands on granite.",
        "That sounds like a long week. Sit down.",
        "You are not a machine. Nobody is. I am a large man, as a machine operator.",
    ],
)
def test_peoples_words_stay(said: str) -> None:
    assert mask(said) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Zwwwwwq/PERM-Qwen2.5-7B-Instruct", "I am PERM-Qwen2.5-7B-Instruct."),
        ("scripted-plain", "The scripted plain voice"),
        ("my-adapter", "my_adapter speaks; MY ADAPTER."),
        ("/models/acme-chat-3b.Q4_K_M.gguf", "Hello from acme-chat-3b, or Acme."),
    ],
)
def test_the_contestants_own_names_are_masked(name: str, said: str) -> None:
    shown = mask(said, [name])
    words = ("qwen", "perm", "scripted", "plain", "adapter", "acme")
    assert not [word for word in words if word in shown.lower()]


def test_every_known_name_is_masked_in_any_case_it_is_written_in() -> None:
    for name in (*MODELS, *VENDORS):
        assert mask(f"This is {name}.") == f"This is {MASK}."


@given(st.text(max_size=200))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask(text, ["a-model"])
    assert mask(once, ["a-model"]) == once


def test_it_is_quick_on_long_and_hostile_texts() -> None:
    """The ratio of times for texts of one and of four lengths stays near four."""

    def seconds(count: int) -> float:
        text = "as an AI language model by " * count + "I am a " * count + "A" * count
        begun = time.perf_counter()
        mask(text, ["some-model"])
        return time.perf_counter() - begun

    seconds(100)
    assert seconds(4000) < 12 * max(seconds(1000), 0.002)
