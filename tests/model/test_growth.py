"""Turn 20 costs no more to judge than turn 3, by the server's own count of cached tokens."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.harness import running
from chat.settings import ROOT
from perm import rubrics
from perm.judges import Judge, contexts_for
from perm.parsing import SupporterOutput
from perm.types import Exchange, JudgeContext, Method, Perspective
from tests.support.llama_cpp import llama_cpp

pytestmark = [pytest.mark.model, pytest.mark.engines, pytest.mark.timeout(600)]

LIMIT = 1.2
EARLY, LATE = 3, 20
WORDS = (
    *("bread", "cloth", "glass", "paper", "stone", "metal", "water", "plant", "chair", "table"),
    *("river", "field", "house", "night", "light", "music", "train", "money", "beach", "storm"),
)
"""One word a turn: the messages differ and are of one length."""


def exchange(turn: int) -> Exchange:
    word = WORDS[turn - 1]
    return Exchange(message=f"I miss the {word}.", response=f"You miss the {word} so much.")


def contexts(turn: int) -> dict[Perspective, JudgeContext]:
    said = exchange(turn)
    output = SupporterOutput(analysis="A loss.", response=said.response, formatted=True)
    history = tuple(map(exchange, range(1, turn)))
    return contexts_for("A nurse", "Moving away", said.message, output, history)


async def test_a_late_turn_costs_no_more_than_an_early_one(tmp_path: Path) -> None:
    async with running(llama_cpp(tmp_path)) as engine:
        assert engine.capabilities.cached_tokens
        prompts = rubrics.load(ROOT / "prompts")
        judge = Judge(engine.chat_model, engine.model_name, engine.capabilities, prompts)

        async def fresh(turn: int) -> int:
            """Tokens that judging this turn computed anew; the turn before was judged."""
            verdicts = judge.judge_all(contexts(turn), Method.DIRECT)
            usages = [verdict.usage async for verdict in verdicts]
            return sum((one.prompt_tokens or 0) - (one.cached_tokens or 0) for one in usages)

        await fresh(EARLY - 1)
        early = await fresh(EARLY)
        await fresh(LATE - 1)  # as good as all before it: what they read is its beginning
        late = await fresh(LATE)
    sys.stdout.write(f"\nnewly computed: {early} tokens in turn {EARLY}, {late} in turn {LATE}\n")
    assert 0 < late <= LIMIT * early
