"""The offline demo: replies in the tuned model's shape, verdicts in every format judges ask for."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from chat.engines.scripted import NOT_A_JUDGE, ScriptedEngine
from chat.engines.scripted_demo import TEXTS
from chat.engines.scripted_supporter import load_themes
from perm import rubrics
from perm.judges import Judge, contexts_for
from perm.parsing import SupporterOutput, split_output
from perm.rubrics import Rubrics
from perm.types import Method, Perspective, Verdict

pytestmark = pytest.mark.unit

MESSAGE = "My boss gave my project to somebody else. I worked on it for months, I can't sleep."
WARM = (
    "No wonder you can't sleep after your boss gave your project away. You worked on it for months"
    " and somebody else gets to finish it; that would hurt anyone who puts this much of themselves"
    " into something. What do you miss most about it?"
)


@pytest.fixture(scope="module")
def prompts() -> Rubrics:
    return rubrics.load(Path(__file__).parents[2] / "prompts")


def engine(prompts: Rubrics) -> ScriptedEngine:
    return ScriptedEngine.demo(prompts, pace=0)


def opening(
    prompts: Rubrics, message: str, persona: str = "a nurse", scenario: str = ""
) -> list[BaseMessage]:
    frame = prompts.supporter.frame(persona, scenario, message)
    return [SystemMessage(prompts.supporter.system), HumanMessage(frame)]


async def judged(
    prompts: Rubrics, response: str, method: Method, analysis: str = "They are hurt."
) -> dict[Perspective, Verdict]:
    scripted = engine(prompts)
    judge = Judge(scripted.chat_model, scripted.model_name, scripted.capabilities, prompts)
    output = SupporterOutput(analysis=analysis, response=response, formatted=True)
    contexts = contexts_for("a nurse", "", MESSAGE, output)
    return {one: await judge.judge(one, contexts[one], method) for one in Perspective}


@pytest.mark.parametrize(("persona", "scenario"), [("a nurse", "at work"), ("", "x"), ("", "")])
async def test_it_replies_in_shape_and_takes_up_the_seekers_words(
    prompts: Rubrics, persona: str, scenario: str
) -> None:
    reply = await engine(prompts).chat_model.ainvoke(opening(prompts, MESSAGE, persona, scenario))
    output = split_output(reply.text)
    assert output.formatted
    assert "My boss gave my project to somebody else" in output.analysis
    assert "nurse" not in reply.text  # the frame is not taken for the message
    assert len(output.response.split()) > 25


async def test_the_same_conversation_gets_the_same_reply_and_a_retry_another(
    prompts: Rubrics,
) -> None:
    first, second = engine(prompts), engine(prompts)
    asked = opening(prompts, MESSAGE)
    replies = [(await first.chat_model.ainvoke(asked)).text for _ in range(2)]
    assert (await second.chat_model.ainvoke(asked)).text == replies[0]
    assert replies[0] != replies[1]


async def test_replies_of_a_conversation_do_not_repeat_each_other(prompts: Rubrics) -> None:
    model = engine(prompts).chat_model
    conversation = opening(prompts, MESSAGE)
    responses = []
    for message in ("And my boss laughed.", "The team saw it.", "What now?"):
        reply = AIMessage((await model.ainvoke(conversation)).text)
        responses.append(split_output(reply.text).response)
        conversation += [reply, HumanMessage(message)]
    assert len(set(responses)) == 3


async def test_in_a_crisis_it_asks_and_points_to_people(prompts: Rubrics) -> None:
    reply = await engine(prompts).chat_model.ainvoke(opening(prompts, "I want to die."))
    response = split_output(reply.text).response
    assert "helpline" in response
    assert not re.search(r"\b(I|we) (have|'ve|’ve) (told|called|informed)", response)


def test_every_theme_offers_a_choice_and_only_known_placeholders() -> None:
    themes = load_themes(TEXTS / "supporter.toml")
    assert len(themes) >= 8
    assert themes[-1].words == ()
    for theme in themes:
        assert len(theme.response) >= 2
        for text in (*theme.analysis, *theme.response):
            assert set(re.findall(r"\{(.*?)\}", text)) <= {"echo"}


async def test_it_streams_at_reading_pace(prompts: Rubrics) -> None:
    model = ScriptedEngine.demo(prompts, pace=0.005).chat_model
    begun = time.monotonic()
    chunks = [chunk async for chunk in model.astream(opening(prompts, MESSAGE))]
    assert time.monotonic() - begun >= 0.005 * (len(chunks) - 2)


@pytest.mark.parametrize("method", list(Method))
async def test_every_verdict_is_scored_in_both_methods(prompts: Rubrics, method: Method) -> None:
    verdicts = await judged(prompts, WARM, method)
    assert {verdict.status for verdict in verdicts.values()} == {"scored"}
    assert {verdict.method for verdict in verdicts.values()} == {method}
    assert verdicts[Perspective.BYSTANDER].parts is not None
    if method is Method.REASONED:
        assert all(verdict.reason for verdict in verdicts.values())
    else:
        distribution = verdicts[Perspective.EXPRESSION].distribution
        assert distribution is not None
        assert sum(distribution.values()) == pytest.approx(1)


@pytest.mark.parametrize("method", list(Method))
async def test_verdicts_follow_the_text(prompts: Rubrics, method: Method) -> None:
    warm = await judged(prompts, WARM, method)
    curt = await judged(prompts, "Ok.", method)
    for perspective in (Perspective.EXPRESSION, Perspective.RECEPTION, Perspective.BYSTANDER):
        high, low = warm[perspective].score, curt[perspective].score
        assert high is not None
        assert low is not None
        assert high > low


def test_it_says_that_it_is_no_real_judge(prompts: Rubrics) -> None:
    scripted = engine(prompts)
    assert scripted.model_name == "scripted"
    assert scripted.state.detail == NOT_A_JUDGE == "scripted: not a real judge"
