"""What is sent begins with what was sent before, so that an engine reads only what is new."""

from __future__ import annotations

from itertools import pairwise

import pytest

from chat.engines.scripted_model import ScriptedChatModel
from chat.settings import ROOT
from perm import rubrics
from perm.fencing import quoted
from perm.judge_prompts import contexts_for, user_message
from perm.judges import Judge
from perm.parsing import SupporterOutput
from perm.types import Capabilities, Exchange, JudgeContext, Method, Perspective

pytestmark = pytest.mark.unit

PROMPTS = rubrics.load(ROOT / "prompts")
EACH = pytest.mark.parametrize("perspective", list(Perspective))


def output(turn: int) -> SupporterOutput:
    return SupporterOutput(
        analysis=f"She says {turn} things.", response=f"I hear all {turn}.", formatted=True
    )


def contexts(turn: int) -> dict[Perspective, JudgeContext]:
    past = [
        Exchange(message=f"This is message {one}.", response=output(one).response)
        for one in range(1, turn)
    ]
    message = f"This is message {turn}."
    return contexts_for("a nurse", "a double shift", message, output(turn), past)


def asked(perspective: Perspective, turn: int, method: Method = Method.DIRECT) -> str:
    return user_message(PROMPTS[perspective], contexts(turn)[perspective], method)


@EACH
def test_each_turn_repeats_the_one_before_it_to_the_end_of_what_both_know(
    perspective: Perspective,
) -> None:
    """To the end of the Response; resonation, which rates the Analysis, to the message's end."""
    for before, after in pairwise(range(1, 8)):
        known = quoted(
            f"This is message {before}." if perspective.rates_analysis else output(before).response
        )
        text = asked(perspective, before)
        shared = text[: text.index(known) + len(known)]
        assert asked(perspective, after).startswith(shared)


@EACH
def test_what_is_new_grows_no_longer_from_turn_to_turn(perspective: Perspective) -> None:
    def new(turn: int) -> int:
        before, after = asked(perspective, turn - 1), asked(perspective, turn)
        shared = next(i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
        return len(after) - shared

    assert new(8) <= new(3)


@EACH
def test_both_methods_differ_in_the_ask_alone(perspective: Perspective) -> None:
    rubric = PROMPTS[perspective]
    texts = {asked(perspective, 3, method).removesuffix(rubric.asks[method]) for method in Method}
    assert len(texts) == 1


@pytest.mark.parametrize("perspective", [Perspective.EXPRESSION, Perspective.RECEPTION])
def test_a_response_that_grows_is_asked_of_with_the_same_beginning(
    perspective: Perspective,
) -> None:
    """Provisional scores: the next sentence is read, and not all of it once more."""
    rubric, context = PROMPTS[perspective], contexts(3)[perspective]

    def grown(part: str) -> str:
        given = context.model_copy(update={"part": part})
        return user_message(rubric, given, Method.DIRECT).removesuffix(rubric.asks[Method.DIRECT])

    half, whole = grown("I hear you."), grown("I hear you. Stay a while.\n\nHow are you?")
    assert whole.startswith(half.rstrip())


@EACH
def test_the_warm_up_is_the_beginning_of_every_call(perspective: Perspective) -> None:
    judge = Judge(ScriptedChatModel(), "", Capabilities(), PROMPTS)
    system, rest = judge.opening(perspective)
    assert system.content == PROMPTS[perspective].system
    assert rest.content == "."
