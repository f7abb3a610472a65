"""The judge, with a scripted model: what it sends, what it makes of any answer, when it repeats."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from perm.judge_prompts import user_message
from perm.judges import Judge, JudgePolicy, contexts_for
from perm.parsing import split_output
from perm.rubrics import load
from perm.types import (
    BYSTANDER_PARTS,
    Capabilities,
    EngineError,
    EngineFault,
    Exchange,
    JudgeContext,
    Method,
    Perspective,
    Unscored,
    Verdict,
)
from tests.support.answers import Answer, Scripted, tokens, words

pytestmark = pytest.mark.unit

RUBRICS = load(Path(__file__).parents[2] / "prompts")
ABLE = Capabilities(logprobs=True, top_logprobs=20, assistant_prefix=True)
FAST = JudgePolicy(first_wait=0.001, longest_wait=0.05, timeout=5)
R, E, C, B = Perspective
DIRECT, REASONED = Method
CONTEXT = JudgeContext(persona="a nurse", scenario="a night", message="It hurts.", part="Oh no.")


def judge_of(
    *answers: Answer, able: Capabilities = ABLE, policy: JudgePolicy = FAST
) -> tuple[Judge, Scripted]:
    model = Scripted(*answers)
    return Judge(model, "a-judge", able, RUBRICS, policy), model


async def direct(*answers: Answer, seat: Perspective = E, **options: Any) -> Verdict:
    return await judge_of(*answers, **options)[0].judge(seat, CONTEXT, DIRECT)


async def reasoned(*answers: Answer, seat: Perspective = E, **options: Any) -> Verdict:
    return await judge_of(*answers, **options)[0].judge(seat, CONTEXT, REASONED)


# What is sent


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


# What is made of an answer


async def test_a_direct_verdict() -> None:
    # 4 * 0.6 + 5 * 0.3 + 3 * 0.1 = 2.4 + 1.5 + 0.3
    verdict = await direct(tokens({"4": 0.6, "5": 0.3, "3": 0.1}))
    assert verdict.scored
    assert verdict.score == pytest.approx(4.2)
    assert verdict.mass == pytest.approx(1)
    assert verdict.distribution is not None
    assert verdict.distribution["5"] == pytest.approx(0.3)
    assert verdict.raw == "4"
    assert verdict.attempts == 1
    assert verdict.seconds is not None


async def test_a_reasoned_verdict() -> None:
    verdict = await reasoned(words("Reason: warm.\n**Score:** 4/5"))
    assert (verdict.score, verdict.reason) == (4, "warm.")
    assert verdict.raw == "Reason: warm.\n**Score:** 4/5"


async def test_a_bystanders_direct_verdict() -> None:
    places = [{number: 0.95, "x": 0.05} for number in ("10", " 11", " 12", " 13", " 14")]
    verdict = await direct(tokens(*places), seat=B)
    assert verdict.score == 60
    assert verdict.parts == dict(zip(BYSTANDER_PARTS, (10, 11, 12, 13, 14), strict=True))
    assert verdict.mass == pytest.approx(0.95)


async def test_a_bystander_about_to_say_something_else_gives_no_score() -> None:
    places = [{number: 0.8, "x": 0.2} for number in ("10", " 11", " 12", " 13", " 14")]
    verdict = await direct(tokens(*places), seat=B)
    assert verdict.unscored is Unscored.LOW_MASS
    assert verdict.mass == pytest.approx(0.8)
    assert verdict.parts is None


async def test_a_prefix_that_the_engine_repeats_is_no_part_of_the_answer() -> None:
    prefix = RUBRICS[B].prefixes[DIRECT]
    assert (await direct(words(f"{prefix}10, 11, 12, 13, 14"), seat=B)).score == 60
    able = Capabilities(assistant_prefix=True)
    assert (await direct(words(f"{RUBRICS[E].prefixes[DIRECT]}4"), able=able)).score == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (tokens({"50": 0.9, "5": 0.1}), Unscored.LOW_MASS),
        (tokens({"I": 0.5, "4": 0.5}), Unscored.LOW_MASS),
        (words("4", logprobs={"content": [{"token": "4", "top_logprobs": []}]}), Unscored.LOW_MASS),
        (words("4", logprobs={"content": [{"token": "4"}]}), Unscored.BAD_NUMBER),
        (words("7"), Unscored.OUT_OF_RANGE),
        (words("", "content_filter"), Unscored.REFUSED),
        (AIMessage("4", additional_kwargs={"refusal": "I will not."}), Unscored.REFUSED),
    ],
)
async def test_direct_answers_that_are_none(answer: AIMessage, reason: Unscored) -> None:
    verdict = await direct(answer)
    assert (verdict.score, verdict.unscored) == (None, reason)
    assert verdict.raw == answer.content


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (words("Score: 4", "length"), Unscored.TRUNCATED),
        (words("<think>Score: 4"), Unscored.TRUNCATED),
        (words("Score: 9"), Unscored.OUT_OF_RANGE),
        (words("I cannot rate this."), Unscored.REFUSED),
        (words("> Score: 5"), Unscored.NO_VERDICT),
        (words(""), Unscored.NO_VERDICT),
        (words([]), Unscored.NO_VERDICT),
        (words([{"type": "thinking", "thinking": "Score: 5"}]), Unscored.NO_VERDICT),
    ],
)
async def test_reasoned_answers_that_are_none(answer: AIMessage, reason: Unscored) -> None:
    verdict = await reasoned(answer)
    assert (verdict.score, verdict.unscored) == (None, reason)


async def test_content_blocks_are_joined() -> None:
    verdict = await reasoned(words([{"type": "text", "text": "Reason: so.\n"}, "Score: 4"]))
    assert (verdict.score, verdict.raw) == (4, "Reason: so.\nScore: 4")


@pytest.mark.parametrize("odd", [None, [], (), ("Score: 4", None), {}, 4, b"Score: 4", object()])
async def test_an_answer_that_is_no_message_is_no_exception(
    odd: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(*_: object, **__: object) -> object:
        return odd

    judge, model = judge_of(words(""))
    monkeypatch.setattr(type(model), "ainvoke", answer)
    for method in Method:
        for seat in Perspective:
            verdict = await judge.judge(seat, CONTEXT, method)
            assert verdict.score is None


async def test_usage_is_kept() -> None:
    answer = words("Score: 4")
    answer.usage_metadata = {
        "input_tokens": 500,
        "output_tokens": 9,
        "total_tokens": 509,
        "input_token_details": {"cache_read": 480},
    }
    usage = (await reasoned(answer)).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (500, 9, 480)
    assert (await reasoned(words("Score: 4"))).usage.prompt_tokens is None


# What is not sent at all


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


# What goes wrong


def fault(kind: EngineFault, retry_after: float | None = None) -> EngineError:
    return EngineError(kind, "The server said no.", "Ask it again.", retry_after)


@pytest.mark.parametrize("kind", EngineFault)
async def test_passing_faults_alone_are_tried_again(kind: EngineFault) -> None:
    judge, model = judge_of(fault(kind), tokens({"4": 1.0}))
    verdict = await judge.judge(E, CONTEXT, DIRECT)
    passing = fault(kind).retryable
    assert verdict.scored is passing
    assert len(model.asked) == verdict.attempts == (2 if passing else 1)
    if not passing:
        assert verdict.unscored is Unscored.ENGINE
        assert verdict.error == f"{kind}: The server said no. Ask it again."
    assert not fault(EngineFault.UNAUTHORISED).retryable


async def test_tries_are_capped() -> None:
    policy = FAST.model_copy(update={"retries": 3})
    judge, model = judge_of(fault(EngineFault.SERVER), policy=policy)
    verdict = await judge.judge(E, CONTEXT, DIRECT)
    assert (verdict.unscored, verdict.attempts, len(model.asked)) == (Unscored.ENGINE, 4, 4)


async def test_retry_after_is_kept_to() -> None:
    slow = FAST.model_copy(update={"longest_wait": 1.0})
    limited = fault(EngineFault.RATE_LIMITED, retry_after=0.3)
    verdict = await direct(limited, tokens({"4": 1.0}), policy=slow)
    assert verdict.scored
    assert verdict.seconds is not None
    assert verdict.seconds >= 0.3


async def test_a_server_that_asks_for_too_long_a_wait_is_left_alone() -> None:
    verdict = await direct(fault(EngineFault.RATE_LIMITED, retry_after=3600), tokens({"4": 1.0}))
    assert (verdict.unscored, verdict.attempts) == (Unscored.ENGINE, 1)


async def test_a_try_that_takes_too_long_is_ended() -> None:
    async def never(_: object) -> None:
        await asyncio.sleep(60)

    policy = FAST.model_copy(update={"timeout": 0.05, "retries": 1})
    verdict = await direct(never, policy=policy)
    assert verdict.unscored is Unscored.ENGINE
    assert verdict.attempts == 2
    assert verdict.error is not None
    assert verdict.error.startswith("timeout:")


@pytest.mark.parametrize("error", [RuntimeError, ValueError, KeyError, ZeroDivisionError])
async def test_a_foreign_models_error_is_named_and_never_quoted(error: type[Exception]) -> None:
    verdict = await direct(error("sk-canary and what the seeker said"))
    assert verdict.unscored is Unscored.ENGINE
    assert verdict.error == error.__name__
    assert verdict.attempts == 1
    assert "canary" not in verdict.model_dump_json()


async def test_cancelling_passes_through() -> None:
    started = asyncio.Event()

    async def never(_: object) -> None:
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(direct(never))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# The four side by side


def seat_of(messages: Sequence[BaseMessage]) -> Perspective:
    return next(seat for seat in Perspective if RUBRICS[seat].system == messages[0].content)


CONTEXTS = contexts_for("p", "s", "m", split_output("# Analysis\nfoo\n# Response\nbar"))


async def test_verdicts_land_as_they_come() -> None:
    order = [C, B, R, E]

    async def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        seat = seat_of(messages)
        await asyncio.sleep(0.05 * order.index(seat))
        if seat is R:
            raise fault(EngineFault.REQUEST)
        return words("10, 11, 12, 13, 14") if seat is B else words("4")

    judge, _ = judge_of(answer)
    landed = [verdict async for verdict in judge.judge_all(CONTEXTS, DIRECT)]
    assert [verdict.perspective for verdict in landed] == order
    assert [verdict.scored for verdict in landed] == [True, True, False, True]


async def test_all_are_asked_at_once() -> None:
    together = asyncio.Barrier(4)

    async def answer(_: object) -> AIMessage:
        async with asyncio.timeout(5):
            await together.wait()
        return words("Score: 4")

    judge, _ = judge_of(answer)
    assert len([verdict async for verdict in judge.judge_all(CONTEXTS, REASONED)]) == 4


async def test_closing_the_stream_ends_the_calls() -> None:
    ended: list[Perspective] = []

    async def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        seat = seat_of(messages)
        try:
            await asyncio.sleep(0 if seat is E else 60)
        finally:
            ended.append(seat)
        return words("4")

    judge, _ = judge_of(answer)
    stream = judge.judge_all(CONTEXTS, DIRECT)
    assert (await anext(stream)).perspective is E
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert set(ended) == set(Perspective)


async def test_warming_reads_the_rubric_and_writes_one_token() -> None:
    judge, model = judge_of(words("."))
    await judge.warm(C)
    ((messages, options),) = model.asked
    assert messages[0].content == RUBRICS[C].system
    assert options["max_tokens"] == 1


@pytest.mark.parametrize("error", [fault(EngineFault.SERVER), RuntimeError("x")])
async def test_warming_never_fails_and_never_insists(error: Exception) -> None:
    judge, model = judge_of(error)
    await judge.warm(C)
    assert len(model.asked) == 1
