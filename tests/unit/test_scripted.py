"""The scripted engine: an ordinary chat model in everything but the model."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from chat.engines.base import Phase
from chat.engines.scripted import (
    NOT_A_JUDGE,
    Output,
    ScriptedChatModel,
    ScriptedEngine,
    pieces,
)
from perm.types import Capabilities, EngineError, EngineFault, Usage

pytestmark = pytest.mark.unit

ASK = [SystemMessage("Be kind."), HumanMessage("I am tired today.")]


@given(st.text())
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_digits_are_tokens_of_their_own() -> None:
    assert pieces("Score: 42") == ["Score", ":", " ", "4", "2"]


async def test_it_streams_token_by_token_and_merges_to_the_whole() -> None:
    model = ScriptedChatModel(["That sounds heavy, truly."])
    chunks = [chunk async for chunk in model.astream(ASK)]
    texts = [chunk.text for chunk in chunks if chunk.text]
    assert texts == pieces("That sounds heavy, truly.")
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert whole.text == "That sounds heavy, truly."
    assert whole.response_metadata["finish_reason"] == "stop"
    assert whole.response_metadata["model_name"] == "scripted"
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] == len(texts)


async def test_outputs_come_in_order_and_the_script_says_when_it_ends() -> None:
    model = ScriptedChatModel(["one", Output(text="two")])
    assert [(await model.ainvoke(ASK)).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(EngineError, match="no more outputs"):
        await model.ainvoke(ASK)


async def test_a_script_may_be_a_function_also_an_async_one() -> None:
    def echo(messages: Sequence[BaseMessage]) -> str:
        return messages[-1].text

    async def later(messages: Sequence[BaseMessage]) -> Output:
        await asyncio.sleep(0)
        return Output(text=echo(messages))

    assert (await ScriptedChatModel(echo).ainvoke(ASK)).text == "I am tired today."
    assert (await ScriptedChatModel(later).ainvoke(ASK)).text == "I am tired today."


async def test_usage_counts_the_prompt_and_what_of_it_was_seen_before() -> None:
    model = ScriptedChatModel(["Rest well.", "Good.", "Good."])
    first = await model.ainvoke(ASK)
    longer = [*ASK, AIMessage("Rest well."), HumanMessage("Thanks.")]
    second = await model.ainvoke(longer)
    third = await model.ainvoke([HumanMessage("Something else.")])
    usage = [message.usage_metadata for message in (first, second, third)]
    assert usage[0] is not None and usage[1] is not None and usage[2] is not None
    assert usage[0]["input_token_details"] == {"cache_read": 0}
    assert usage[1]["input_token_details"]["cache_read"] == usage[0]["input_tokens"]
    assert usage[2]["input_token_details"] == {"cache_read": 0}
    assert usage[1]["input_tokens"] == model.get_num_tokens_from_messages(longer)


async def test_usage_can_be_dictated() -> None:
    model = ScriptedChatModel([Output(text="a", usage=Usage(prompt_tokens=7, completion_tokens=9))])
    usage = (await model.ainvoke(ASK)).usage_metadata
    assert usage == {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16}


async def test_stop_sequences_and_max_tokens_cut() -> None:
    model = ScriptedChatModel(["Reason: warm\nScore: 4"] * 3)
    stopped = await model.ainvoke(ASK, stop=["\nScore", "4"])
    assert (stopped.text, stopped.response_metadata["finish_reason"]) == ("Reason: warm", "stop")
    cut = await model.ainvoke(ASK, max_tokens=2)
    assert (cut.text, cut.response_metadata["finish_reason"]) == ("Reason:", "length")
    whole = await model.ainvoke(ASK, max_tokens=8)
    assert whole.response_metadata["finish_reason"] == "stop"


async def test_an_assistant_prefix_is_continued_and_not_said_again() -> None:
    model = ScriptedChatModel(["Score: 4", "4"])
    prefixed = [*ASK, AIMessage("Score: ")]
    assert (await model.ainvoke(prefixed)).text == "4"
    assert (await model.ainvoke(prefixed)).text == "4"


async def test_logprobs_have_the_shape_of_an_openai_server() -> None:
    levels = {"3": math.log(0.2), "4": math.log(0.7), "5": math.log(0.1)}
    output = Output(text="4.", logprobs=(levels,))
    model = ScriptedChatModel([output, output])
    content = (await model.ainvoke(ASK, logprobs=True, top_logprobs=2)).response_metadata[
        "logprobs"
    ]["content"]
    assert content[0]["token"] == "4"
    assert content[0]["logprob"] == pytest.approx(math.log(0.7))
    assert [top["token"] for top in content[0]["top_logprobs"]] == ["4", "3"]
    assert content[1]["top_logprobs"] == [{"token": ".", "bytes": [46], "logprob": 0.0}]
    assert "logprobs" not in (await model.ainvoke(ASK)).response_metadata


async def test_the_written_token_may_be_missing_from_the_candidates_and_nan_ranks_last() -> None:
    output = Output(text="4", logprobs=({"3": float("nan"), "50": -0.1},))
    reply = await ScriptedChatModel([output]).ainvoke(ASK, logprobs=True, top_logprobs=5)
    entry = reply.response_metadata["logprobs"]["content"][0]
    assert entry["logprob"] == -9999.0
    assert [top["token"] for top in entry["top_logprobs"]] == ["50", "3"]


@pytest.mark.parametrize("after", [0, 2, 99])
async def test_a_failure_comes_at_the_start_in_the_middle_or_at_the_end(after: int) -> None:
    cut = EngineError(EngineFault.CUT_OFF, "The stream ended.", "Try again.", retry_after=3)
    model = ScriptedChatModel([Output(text="one two three", failure=cut, fails_after=after)])
    heard: list[str] = []
    with pytest.raises(EngineError) as caught:
        async for chunk in model.astream(ASK):
            heard.append(chunk.text)  # noqa: PERF401 - what came before the failure must stay
    assert len(heard) == min(after, 3)
    assert (caught.value.fault, caught.value.retry_after) == (EngineFault.CUT_OFF, 3)
    assert caught.value is not cut


async def test_delay_and_pace_hold() -> None:
    model = ScriptedChatModel([Output(text="a b c d e", delay=0.1, pace=0.05)])
    begun = time.monotonic()
    times = [time.monotonic() - begun async for chunk in model.astream(ASK) if chunk.text]
    assert 0.1 <= times[0] < 0.2
    assert 0.3 <= times[-1] < 0.45


async def test_a_prompt_beyond_the_context_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        await ScriptedChatModel(["x"], context_tokens=4).ainvoke(ASK)
    assert caught.value.fault is EngineFault.TOO_LONG


def test_there_is_no_sync_way() -> None:
    with pytest.raises(EngineError, match="async only"):
        ScriptedChatModel(["x"]).invoke(ASK)


async def test_calls_are_kept_for_looking_at() -> None:
    model = ScriptedChatModel(["x"])
    await model.ainvoke(ASK, stop=["!"], temperature=0.3)
    (call,) = model.calls
    assert (call.messages[-1].text, call.stop) == ("I am tired today.", ("!",))
    assert call.options["temperature"] == 0.3


async def test_the_engine_comes_up_and_says_what_it_is() -> None:
    engine = ScriptedEngine(["hello"], start_seconds=0.05)
    phases = [engine.state.phase]
    for step in (engine.start, engine.start, engine.ready):
        await step()
        phases.append(engine.state.phase)
    assert engine.state.detail == NOT_A_JUDGE
    assert (await engine.chat_model.ainvoke(ASK)).text == "hello"
    for step in (engine.stop, engine.stop):
        await step()
        phases.append(engine.state.phase)
    assert phases == [
        *(Phase.STOPPED, Phase.STARTING, Phase.STARTING, Phase.READY),
        *(Phase.STOPPED, Phase.STOPPED),
    ]


async def test_an_engine_that_will_not_start_says_so() -> None:
    failure = EngineError(EngineFault.NOT_READY, "No memory left.", "Close something.")
    engine = ScriptedEngine(start_failure=failure)
    with pytest.raises(EngineError, match="No memory left"):
        await engine.ready()
    assert engine.state.phase is Phase.FAILED
    assert engine.state.todo == "Close something."


async def test_stopping_while_it_starts_ends_the_wait() -> None:
    engine = ScriptedEngine(start_seconds=60)
    waiting = asyncio.create_task(engine.ready())
    await asyncio.sleep(0.01)
    await engine.stop()
    with pytest.raises(EngineError, match="stopped"):
        await asyncio.wait_for(waiting, 1)


def test_capabilities_are_as_told() -> None:
    plain = Capabilities(context_tokens=100)
    engine = ScriptedEngine(capabilities=plain)
    assert engine.capabilities is plain
    assert engine.chat_model.context_tokens == 100
