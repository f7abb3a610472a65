"""What a judge makes of any answer: a verdict, or none with its reason."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from perm.types import BYSTANDER_PARTS, Capabilities, Method, Perspective, Unscored
from tests.support.answers import tokens, words
from tests.support.judging import CONTEXT, DIRECT, RUBRICS, B, E, direct, judge_of, reasoned

pytestmark = pytest.mark.unit


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


@pytest.mark.parametrize("kind", [["text"], {"o": "te"}, None, 5, "thinking"])
async def test_a_block_of_no_known_kind_says_nothing(kind: object) -> None:
    block: dict[str, Any] = {"type": kind, "text": "Score: 2"}
    verdict = await reasoned(words([block, "Reason: so.\nScore: 4"]))
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
