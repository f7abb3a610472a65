"""What a judge sends: each seat its own part and nothing else, or no call at all."""

from __future__ import annotations

from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from perm.judge_prompts import user_message
from perm.judges import JudgePolicy, contexts_for
from perm.parsing import split_output
from perm.types import Capabilities, Exchange, JudgeContext, Method, Perspective, Unscored
from tests.support.answers import tokens, words
from tests.support.judging import ABLE, CONTEXT, DIRECT, REASONED, RUBRICS, B, C, E, R, judge_of

pytestmark = pytest.mark.unit


async def test_a_direct_request() -> None:
    judge, model = judge_of(tokens({"4": 0.9, "3": 0.1}))
    verdict = await judge.judge(E, CONTEXT, DIRECT)
    ((messages, options),) = model.asked
    assert [type(message) for message in messages] == [SystemMessage, HumanMessage, AIMessage]
    assert messages[0].content == RUBRICS[E].system
    assert messages[2].content == RUBRICS[E].prefixes[DIRECT]
    assert options == {"temperature": 0, "max_tokens": 1, "logprobs": True, "top_logprobs": 20}
    assert verdict.request == f"{messages[1].content}\n\n{messages[2].content}"
    assert verdict.prompt_hash == RUBRICS[E].hash
    assert verdict.judge_model == "a-judge"


async def test_a_reasoned_request_is_the_papers() -> None:
    judge, model = judge_of(words("Reason: so.\nScore: 4"), policy=JudgePolicy())
    verdict = await judge.judge(E, CONTEXT, REASONED)
    ((messages, options),) = model.asked
    assert [type(message) for message in messages] == [SystemMessage, HumanMessage]
    assert options == {"temperature": 0.3, "top_p": 0.9, "max_tokens": 1024}
    assert verdict.request == messages[1].content


async def test_the_bystanders_direct_request() -> None:
    judge, model = judge_of(words("10, 11, 12, 13, 14"))
    await judge.judge(B, CONTEXT, DIRECT)
    options = model.asked[0][1]
    assert options["stop"] == ["\n"]
    assert options["max_tokens"] <= 30


async def test_an_engine_is_asked_only_for_what_it_can() -> None:
    judge, model = judge_of(words("4"), able=Capabilities())
    verdict = await judge.judge(E, CONTEXT, DIRECT)
    ((messages, options),) = model.asked
    assert len(messages) == 2
    assert "logprobs" not in options
    assert "extra_body" not in options
    assert (verdict.score, verdict.distribution, verdict.mass) == (4, None, None)
    assert verdict.request == messages[1].content


async def test_fewer_alternatives_where_the_engine_gives_fewer() -> None:
    able = ABLE.model_copy(update={"top_logprobs": 5})
    judge, model = judge_of(tokens({"4": 1.0}), able=able)
    await judge.judge(E, CONTEXT, DIRECT)
    assert model.asked[0][1]["top_logprobs"] == 5


async def test_the_options_that_continue_a_prefix_are_bound() -> None:
    able = ABLE.model_copy(update={"prefix_options": {"continue_final_message": True}})
    judge, model = judge_of(tokens({"4": 1.0}), able=able)
    await judge.judge(E, CONTEXT, DIRECT)
    assert model.asked[0][1]["extra_body"] == {"continue_final_message": True}
    await judge.judge(E, CONTEXT, REASONED)
    assert "extra_body" not in model.asked[1][1]


def test_each_seat_sees_only_its_part() -> None:
    output = split_output("# Analysis\nprivate\n# Response\nspoken")
    contexts = contexts_for("p", "s", "m", output, [Exchange(message="a", response="b")])
    assert set(contexts) == set(Perspective)
    for seat, context in contexts.items():
        text = user_message(RUBRICS[seat], context, DIRECT)
        assert ("| private" in text) == (seat is R)
        assert ("| spoken" in text) == (seat is not R)
        assert "| b" in text


@pytest.mark.parametrize("seat", Perspective)
@pytest.mark.parametrize("method", Method)
def test_the_next_turns_prompt_repeats_this_ones(seat: Perspective, method: Method) -> None:
    """So that an engine that caches prefixes reads only what is new."""
    first = JudgeContext(persona="p", scenario="s", message="one", part="first part")
    response = "first part" if seat is not R else "what was said"
    second = first.model_copy(
        update={
            "history": (Exchange(message="one", response=response),),
            "message": "two",
            "part": "second part",
        }
    )
    before = user_message(RUBRICS[seat], first, method)
    after = user_message(RUBRICS[seat], second, method)
    pairs = zip(before, after, strict=False)
    shared = list(takewhile(lambda pair: pair[0] == pair[1], pairs))
    whole_turn = "| first part" if seat is not R else "| one"
    assert before.index(whole_turn) + len(whole_turn) <= len(shared)
    assert before.removesuffix(RUBRICS[seat].asks[method]) != before
    if seat is not R:
        assert (
            before
            == f"{before[: before.index(whole_turn)]}{whole_turn}\n\n"
            + (RUBRICS[seat].asks[method])
        )


def test_both_methods_share_all_but_the_ask() -> None:
    for seat in Perspective:
        one, other = (user_message(RUBRICS[seat], CONTEXT, method) for method in Method)
        asks = RUBRICS[seat].asks
        assert one.removesuffix(asks[DIRECT]) == other.removesuffix(asks[REASONED])


def test_an_empty_persona_or_scenario_is_left_out() -> None:
    bare = CONTEXT.model_copy(update={"persona": " ", "scenario": ""})
    text = user_message(RUBRICS[E], bare, DIRECT)
    assert text.startswith(RUBRICS[E].conversation["message"].split("{")[0])


@settings(deadline=None)
@given(*(st.text() for _ in range(4)))
def test_what_others_wrote_stays_quoted(
    persona: str, scenario: str, message: str, part: str
) -> None:
    """The prompt's own lines are the same whatever is judged."""
    context = JudgeContext(
        persona=f"p{persona}", scenario=f"s{scenario}", message=f"m{message}", part=f"r{part}"
    )
    plain = JudgeContext(persona="p", scenario="s", message="m", part="r")
    for seat in Perspective:
        own, usual = (
            [
                line
                for line in user_message(RUBRICS[seat], one, DIRECT).split("\n")
                if line[:2] != "| "
            ]
            for one in (context, plain)
        )
        assert own == usual


def test_a_placeholder_in_a_part_stays_literal() -> None:
    context = CONTEXT.model_copy(update={"message": "{response}", "part": "{message} {persona}"})
    text = user_message(RUBRICS[E], context, DIRECT)
    assert "| {response}" in text
    assert "| {message} {persona}" in text


@pytest.mark.parametrize("part", ["", " \n", "...", "\u200b\u200d", "\u3164", "❤️"])
@pytest.mark.parametrize("seat", [E, C, B])
async def test_an_empty_response_is_unscored_without_a_call(seat: Perspective, part: str) -> None:
    judge, model = judge_of(words("Score: 5"))
    verdict = await judge.judge(seat, CONTEXT.model_copy(update={"part": part}), REASONED)
    assert verdict.unscored is Unscored.EMPTY
    assert (model.asked, verdict.attempts, verdict.request) == ([], 0, "")


async def test_a_missing_analysis_is_told_from_an_empty_one() -> None:
    judge, model = judge_of(words("Score: 5"))
    missing = contexts_for("", "", "m", split_output("Just words."))[R]
    assert (await judge.judge(R, missing, DIRECT)).unscored is Unscored.NO_ANALYSIS
    empty = missing.model_copy(update={"part": "---"})
    assert (await judge.judge(R, empty, DIRECT)).unscored is Unscored.EMPTY
    assert model.asked == []
