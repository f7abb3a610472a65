"""The engine `vllm` with a real vLLM and the small model. The last tests end it."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from chat.engines.base import Phase
from chat.engines.process_group import members, shared_memory
from chat.engines.vllm import VllmEngine
from chat.settings import ROOT
from perm import rubrics
from perm.judges import Judge, contexts_for
from perm.parsing import SupporterOutput
from perm.types import EMPATHY, EngineError, EngineFault, Method, Perspective, Unscored
from tests.vllm.conftest import ADAPTER, report

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
]

LONG = "You listen to people with care, and you answer briefly and warmly. " * 30


async def test_a_chat_completes(engine: VllmEngine) -> None:
    asked = [SystemMessage(LONG), HumanMessage("My dog died yesterday.")]
    whole = None
    began = time.monotonic()
    async for chunk in engine.chat_model.astream(asked, max_tokens=48, temperature=0.7):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.text.strip()
    assert whole.usage_metadata is not None
    assert 1 < whole.usage_metadata["output_tokens"] <= 48
    seconds = time.monotonic() - began
    report(f"{whole.usage_metadata['output_tokens']} tokens of a chat in {seconds:.1f} s")


async def test_what_it_can_do_was_found_out(engine: VllmEngine) -> None:
    found = engine.capabilities
    assert found.logprobs
    assert found.top_logprobs == 20
    assert found.assistant_prefix
    assert dict(found.prefix_options) == {
        "continue_final_message": True,
        "add_generation_prompt": False,
    }
    assert found.structured_choice
    assert found.cached_tokens
    assert found.context_tokens == 4096
    assert found.read_speed is not None
    assert found.write_speed is not None
    assert engine.state.phase is Phase.READY


async def test_direct_scores_have_mass(engine: VllmEngine) -> None:
    """Whether this model's digits cover 0.9 is its own business; that they are read is ours."""
    judge = Judge(
        engine.chat_model, engine.model_name, engine.capabilities, rubrics.load(ROOT / "prompts")
    )
    output = SupporterOutput(
        analysis="She lost her dog and is grieving.",
        response="I am so sorry. He was with you for so long.",
        formatted=True,
    )
    contexts = contexts_for("A nurse of 40", "Her dog died", "My dog died yesterday.", output)
    empathy = {perspective: contexts[perspective] for perspective in EMPATHY}
    verdicts = [verdict async for verdict in judge.judge_all(empathy, Method.DIRECT)]
    assert {verdict.perspective for verdict in verdicts} == set(EMPATHY)
    for verdict in verdicts:
        report(f"{verdict.perspective}: score {verdict.score}, mass {verdict.mass}")
        assert verdict.error is None
        assert verdict.distribution is not None
        assert math.isclose(sum(verdict.distribution.values()), 1.0, abs_tol=1e-6)
        assert verdict.mass is not None
        assert 0 < verdict.mass <= 1 + 1e-6
        assert verdict.scored or verdict.unscored is Unscored.LOW_MASS
        if verdict.scored:
            assert verdict.score is not None
            assert 1 <= verdict.score <= 5
    again = await judge.judge(
        Perspective.EXPRESSION, contexts[Perspective.EXPRESSION], Method.DIRECT
    )
    assert again.usage.cached_tokens is not None
    assert again.usage.cached_tokens > 0, "the rubric was not read twice"
    report(f"judge: {again.usage.cached_tokens} of {again.usage.prompt_tokens} tokens cached")


async def test_a_repeated_beginning_is_cached(engine: VllmEngine) -> None:
    beginning: list[BaseMessage] = [SystemMessage(f"{time.time()} {LONG}")]
    counts = []
    for message in ("Good morning.", "Something else entirely."):
        began = time.monotonic()
        answer = await engine.chat_model.ainvoke([*beginning, HumanMessage(message)], max_tokens=1)
        usage = answer.usage_metadata
        assert usage is not None
        cached = usage["input_token_details"]["cache_read"]
        counts.append((cached, usage["input_tokens"]))
        report(
            f"{cached} of {usage['input_tokens']} tokens cached, {time.monotonic() - began:.2f} s"
        )
    (first, _), (second, tokens) = counts
    assert first < 0.1 * tokens
    assert second > 0.8 * tokens


async def test_an_assistants_beginning_is_continued(engine: VllmEngine) -> None:
    """The bytes after the prefix come alone, and they go on from it."""
    asked = [HumanMessage("Count from one to five in digits."), AIMessage("1, 2, 3,")]
    body = dict(engine.capabilities.prefix_options)
    answer = await engine.chat_model.ainvoke(asked, max_tokens=3, temperature=0, extra_body=body)
    assert answer.text.strip().startswith("4")


async def test_an_adapter_is_another_model_beside_its_backbone(engine: VllmEngine) -> None:
    assert [choice.name for choice in engine.models] == [engine.model_name, ADAPTER]
    asked = [HumanMessage("What is the capital of France?")]
    plain = await engine.chat_model.ainvoke(asked, max_tokens=12, temperature=0)
    other = await engine.chat_model.ainvoke(asked, max_tokens=12, temperature=0, model=ADAPTER)
    assert plain.text != other.text
    with pytest.raises(EngineError) as failed:
        await engine.chat_model.ainvoke(asked, max_tokens=1, model="another")
    assert failed.value.fault is EngineFault.REQUEST


async def test_what_does_not_fit_is_told(engine: VllmEngine) -> None:
    with pytest.raises(EngineError) as failed:
        await engine.chat_model.ainvoke([HumanMessage("word " * 5000)], max_tokens=1)
    assert failed.value.fault is EngineFault.TOO_LONG


async def test_death_in_mid_reply_is_told_and_vllm_comes_back(engine: VllmEngine) -> None:
    group = engine.pid or 0
    server = Path(f"/proc/{group}/task/{group}/children").read_text("ascii").split()[0]
    pieces = 0
    with pytest.raises(EngineError) as failed:
        async for _ in engine.chat_model.astream([HumanMessage("Tell a story.")], max_tokens=400):
            pieces += 1
            if pieces == 3:
                began = time.monotonic()
                os.kill(int(server), signal.SIGKILL)
    assert failed.value.fault is EngineFault.CUT_OFF
    assert pieces >= 3, "what had come is kept"
    while engine.state.phase is Phase.READY:  # noqa: ASYNC110 - an engine has no event for it
        await asyncio.sleep(0.1)
    assert engine.state.phase is Phase.RESTARTING
    answer = await engine.chat_model.ainvoke([HumanMessage("Are you there?")], max_tokens=8)
    assert answer.text
    report(f"an answer {time.monotonic() - began:.0f} s after the server was killed")
    assert members(group) == []


async def test_stop_leaves_nothing_behind(engine: VllmEngine) -> None:
    group = engine.pid or 0
    assert len(members(group)) >= 3, "the watch, the server, its engine and workers"
    held = shared_memory(group)
    assert held
    await engine.stop()
    assert members(group) == []
    assert engine.state.phase is Phase.STOPPED
    assert not [path for path in held if path.exists()]
