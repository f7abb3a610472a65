"""Provisional scores: at sentence ends, one call a perspective, the newest wins, none is kept."""

from __future__ import annotations

import asyncio

import pytest

from chat.live import LIVE, LiveScores
from perm.types import Capabilities, EngineError, EngineFault, Perspective

pytestmark = pytest.mark.unit


class Asked:
    """Notes what was asked; a call ends when `go` is set."""

    def __init__(self) -> None:
        self.heard: dict[Perspective, list[str]] = {one: [] for one in Perspective}
        self.running: dict[Perspective, int] = dict.fromkeys(Perspective, 0)
        self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, perspective: Perspective, response: str) -> None:
        self.heard[perspective].append(response)
        self.running[perspective] += 1
        self.most = max(self.most, self.running[perspective])
        try:
            await self.go.wait()
        finally:
            self.running[perspective] -= 1


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def heard(text: str, size: int) -> list[str]:
    asked = Asked()
    asked.go.set()
    live = LiveScores(asked)
    for start in range(0, len(text), size):
        live.hear(text[start : start + size])
        await settle()
    await live.end()
    assert asked.heard[LIVE[0]] == asked.heard[LIVE[1]]
    return asked.heard[LIVE[0]]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_it_asks_at_the_end_of_each_whole_sentence(size: int) -> None:
    text = "It hurts. At 3.5 miles, really?! “You ran.” And now"
    assert await heard(text, size) == [
        "It hurts.",
        "It hurts. At 3.5 miles, really?!",
        "It hurts. At 3.5 miles, really?! “You ran.”",
    ]


async def test_a_sentence_ends_without_a_space_where_the_script_has_none() -> None:
    assert await heard("你很累。我在这里。还有", 1) == ["你很累。", "你很累。我在这里。"]


async def test_nothing_is_asked_of_blank_lines() -> None:
    assert await heard("\n\n  \nWell, yes", 1) == []


async def test_one_call_each_and_the_newest_sentence_wins() -> None:
    asked = Asked()
    live = LiveScores(asked)
    for sentence in ("One. ", "Two. ", "Three. "):
        live.hear(sentence)
        await settle()
    assert asked.heard[Perspective.EXPRESSION] == ["One."]
    asked.go.set()
    await settle()
    assert asked.heard[Perspective.EXPRESSION] == ["One.", "One. Two. Three."]
    assert asked.heard[Perspective.RECEPTION] == ["One.", "One. Two. Three."]
    assert asked.heard[Perspective.RESONATION] == asked.heard[Perspective.BYSTANDER] == []
    assert asked.most == 1
    await live.end()


async def test_what_is_under_way_at_the_end_is_given_up() -> None:
    asked = Asked()
    live = LiveScores(asked)
    live.hear("One. ")
    await settle()
    await live.end()
    assert set(asked.running.values()) == {0}
    live.hear("Two. ")
    await settle()
    assert asked.heard[Perspective.EXPRESSION] == ["One."]


async def test_a_judge_that_is_gone_ends_nothing_and_is_asked_no_more() -> None:
    tried: list[str] = []

    async def gone(_: Perspective, response: str) -> None:
        tried.append(response)
        raise EngineError(EngineFault.NOT_READY, "The judge is gone.")

    live = LiveScores(gone)
    live.hear("One. ")
    await settle()
    live.hear("Two. ")
    await settle()
    await live.end()
    assert tried == ["One.", "One."], "once from each seat"


READY = Capabilities(logprobs=True, top_logprobs=20, assistant_prefix=True)


@pytest.mark.parametrize(
    ("read", "write", "live"),
    [
        (2_400.0, 80.0, True),  # a 7B on a GPU: 0.06 s
        (150.0, 70.0, False),  # 135M on two cores: 0.81 s
        (33.0, 16.0, False),  # 1.5B on two cores: 3.7 s
        (None, 80.0, False),
        (2_400.0, None, False),
    ],
)
def test_fast_enough_is_what_one_provisional_call_would_take(
    read: float | None, write: float | None, live: bool
) -> None:
    speeds = {"read_speed": read, "write_speed": write}
    assert READY.model_copy(update=speeds).live is live
    assert not Capabilities(read_speed=read, write_speed=write).live, "a score takes one token"
