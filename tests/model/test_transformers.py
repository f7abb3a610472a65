"""The engine `transformers` with a small real model: what it reads once, and what it reads from."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import torch
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from bench.harness import running
from chat.engines.base import Phase
from chat.engines.in_process.loading import Loaded
from chat.engines.transformers_engine import TransformersEngine
from chat.settings import ROOT
from perm import rubrics
from perm.judges import Judge, contexts_for
from perm.parsing import SupporterOutput
from perm.types import EMPATHY, Exchange, JudgeContext, Method, Perspective, Unscored, Verdict
from tests.support.models import small_folder

pytestmark = [
    pytest.mark.model,
    pytest.mark.engines,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

ASKED: list[BaseMessage] = [HumanMessage("What is the capital of France?")]
FIRST = Exchange(message="My dog died yesterday.", response="I am so sorry. He was your friend.")
SECOND = Exchange(message="The house is quiet.", response="It must feel empty without him.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TransformersEngine]:
    place = tmp_path_factory.mktemp("models")
    made = TransformersEngine(str(small_folder()), models_dir=place, context_tokens=4096)
    async with running(made) as ready:
        yield ready


@pytest.fixture
def loaded(engine: TransformersEngine) -> Loaded:
    assert engine._worker is not None
    return engine._worker.loaded.result()


def judge(engine: TransformersEngine) -> Judge:
    prompts = rubrics.load(ROOT / "prompts")
    return Judge(engine.chat_model, engine.model_name, engine.capabilities, prompts)


def contexts(*turns: Exchange) -> dict[Perspective, JudgeContext]:
    *history, last = turns
    output = SupporterOutput(
        analysis="She lost her dog and grieves.", response=last.response, formatted=True
    )
    return contexts_for("A nurse of 40", "Her dog died", last.message, output, tuple(history))


def fresh(verdict: Verdict) -> int:
    return (verdict.usage.prompt_tokens or 0) - (verdict.usage.cached_tokens or 0)


async def test_it_is_up_and_knows_what_it_can_do(engine: TransformersEngine) -> None:
    found = engine.capabilities
    assert engine.state.phase is Phase.READY
    assert found.logprobs
    assert found.assistant_prefix
    assert found.cached_tokens
    assert found.context_tokens == 4096
    assert found.on_processor is not torch.cuda.is_available()


async def test_it_streams_what_it_would_say_at_once(engine: TransformersEngine) -> None:
    options: dict[str, Any] = {"max_tokens": 12, "temperature": 0}
    pieces = [chunk.text async for chunk in engine.chat_model.astream(ASKED, **options)]
    assert len([piece for piece in pieces if piece]) > 3
    assert "Paris" in "".join(pieces)
    assert (await engine.chat_model.ainvoke(ASKED, **options)).text == "".join(pieces)


async def test_direct_scores_are_read_from_the_whole_vocabulary(
    engine: TransformersEngine, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mass on the five levels, and their shares, are those of a plain call of the model."""
    read: list[list[int]] = []
    original = loaded.prompt

    def prompt(messages: Any) -> list[int]:
        read.append(original(messages))
        return list(read[-1])

    monkeypatch.setattr(loaded, "prompt", prompt)
    asks, asked = judge(engine), contexts(FIRST)
    for perspective in sorted(EMPATHY):
        verdict = await asks.judge(perspective, asked[perspective], Method.DIRECT)
        with torch.inference_mode():
            scores = loaded.model(torch.tensor([read[-1]]), logits_to_keep=1).logits[0, -1]
        chances = torch.softmax(scores.float(), dim=-1)
        levels = {level: loaded.tokenizer.encode(str(level)) for level in range(1, 6)}
        assert all(len(tokens) == 1 for tokens in levels.values())
        expected = {level: float(chances[tokens[0]]) for level, tokens in levels.items()}
        mass = sum(expected.values())
        assert verdict.error is None
        assert verdict.mass is not None
        assert verdict.distribution is not None
        assert math.isclose(verdict.mass, mass, rel_tol=1e-3)
        assert 0 < mass < 1, "the other tokens have their share"
        for level, chance in expected.items():
            found = verdict.distribution.get(str(level), 0.0)
            assert math.isclose(found, chance / mass, rel_tol=1e-2, abs_tol=1e-4)
        assert verdict.scored or verdict.unscored is Unscored.LOW_MASS
        if verdict.scored:
            mean = sum(level * chance for level, chance in expected.items()) / mass
            assert verdict.score == pytest.approx(mean, rel=1e-2)


async def test_perspectives_and_turns_read_only_what_is_new(engine: TransformersEngine) -> None:
    """Each perspective finds its own beginning again, whatever was asked in between."""
    asks = judge(engine)
    counts: list[dict[Perspective, int]] = []
    for turns in ((FIRST,), (FIRST, SECOND)):
        asked = contexts(*turns)
        verdicts = [one async for one in asks.judge_all(asked, Method.DIRECT)]
        counts.append({one.perspective: fresh(one) for one in verdicts})
        whole = {one.perspective: one.usage.prompt_tokens or 0 for one in verdicts}
    assert set(counts[1]) == set(Perspective)
    for perspective, new in counts[1].items():
        assert new < 0.3 * whole[perspective], "the rubric and the first turn were known"

    asked = contexts(FIRST, SECOND)
    again = [one async for one in asks.judge_all(asked, Method.DIRECT)]
    assert all(fresh(one) <= 8 for one in again), "nothing of it is new"


async def test_the_supporter_goes_on_from_its_own_reply(engine: TransformersEngine) -> None:
    asked: list[BaseMessage] = [SystemMessage("You are kind."), HumanMessage("I am tired.")]
    whole: Any = None
    async for chunk in engine.chat_model.astream(asked, max_tokens=20, temperature=0):
        whole = chunk if whole is None else whole + chunk
    longer = [*asked, AIMessage(whole.text), HumanMessage("And sad.")]
    answer = await engine.chat_model.ainvoke(longer, max_tokens=1)
    usage = answer.usage_metadata
    assert usage is not None
    cached = usage["input_token_details"]["cache_read"]
    assert (
        cached >= whole.usage_metadata["input_tokens"] + whole.usage_metadata["output_tokens"] - 2
    )


async def test_four_judged_in_one_batch_get_what_each_gets_alone(
    engine: TransformersEngine, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    original = loaded.model

    def counted(**asked: Any) -> Any:
        rows.append(len(asked["input_ids"]))
        return original(**asked)

    asks, asked = judge(engine), contexts(FIRST)
    alone = {
        perspective: await asks.judge(perspective, asked[perspective], Method.DIRECT)
        for perspective in Perspective
    }
    monkeypatch.setattr(loaded, "reads_together", True)
    monkeypatch.setattr(loaded, "model", counted)
    together = {one.perspective: one async for one in asks.judge_all(asked, Method.DIRECT)}
    assert max(rows) == len(Perspective)
    for perspective, verdict in together.items():
        assert verdict.status is alone[perspective].status
        assert verdict.error is None
        if verdict.mass is not None:
            assert verdict.mass == pytest.approx(alone[perspective].mass, rel=1e-3)
        if verdict.score is not None:
            assert verdict.score == pytest.approx(alone[perspective].score, rel=1e-3)
