"""PERM's reward as TRL calls it: what is judged, what is left out, what is counted."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from collections.abc import Sequence
from threading import Thread
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from chat.engines.scripted import Line, Output, ScriptedChatModel
from perm.rewards import reward
from perm.training import Malformed, PermReward, judged_on
from perm.types import PUBLISHED_REWARD, EngineError, EngineFault, Perspective, RewardSettings
from tests.support.preferring_judge import judge_of, preferring_judge, preferring_script, rated_part

pytestmark = pytest.mark.unit

GOOD = "# Analysis\nShe is worn out.\n\n# Response\nYou sound worn out."
LOWEST = reward({seat: seat.scale[0] for seat in Perspective}, PUBLISHED_REWARD, 10).total
BEST = 1.0


class Log:
    """What a reward function told TRL."""

    def __init__(self) -> None:
        self.values: defaultdict[str, list[float]] = defaultdict(list)

    def __call__(self, name: str, value: float) -> None:
        self.values[name].append(value)

    def mean(self, name: str) -> float:
        return sum(self.values[name]) / len(self.values[name])


def best() -> PermReward:
    return PermReward(preferring_judge(lambda part: 1.0))


async def rewards_of(
    function: PermReward, completions: list[str], tokens: int = 10, **columns: Any
) -> list[float | None]:
    """As TRL's GRPOTrainer calls it, with messages."""
    return await function(
        completions=[[{"role": "assistant", "content": text}] for text in completions],
        completion_ids=[[0] * tokens for _ in completions],
        prompts=[[{"role": "user", "content": "framed"}] for _ in completions],
        trainer_state=None,
        **columns,
    )


async def test_a_completion_gets_perms_reward_of_its_four_scores() -> None:
    script = preferring_script(lambda part: 1.0 if "You" in part else 0.5)
    function = PermReward(judge_of(ScriptedChatModel(script)))
    expected = reward(
        {
            Perspective.RESONATION: 3,
            Perspective.EXPRESSION: 5,
            Perspective.RECEPTION: 5,
            Perspective.BYSTANDER: 100,
        },
        PUBLISHED_REWARD,
        10,
    )
    assert await rewards_of(function, [GOOD]) == [pytest.approx(expected.total)]


async def test_the_length_term_counts_the_tokens_that_were_generated() -> None:
    assert await rewards_of(best(), [GOOD], tokens=768) == [pytest.approx(BEST)]
    assert await rewards_of(best(), [GOOD], tokens=868) == [pytest.approx(BEST - 0.1)]


async def test_without_token_counts_there_is_no_length_term_to_guess() -> None:
    with pytest.raises(ValueError, match="completion_ids"):
        await best()(completions=[GOOD])
    no_length = PermReward(preferring_judge(lambda part: 1.0), settings=RewardSettings())
    assert await no_length(completions=[GOOD]) == [pytest.approx(BEST)]


async def test_what_cannot_be_judged_is_none_and_never_a_mean() -> None:
    def script(messages: Sequence[BaseMessage]) -> Line:
        asked = str(messages[-1].content)
        if "unreadable" in rated_part(asked):
            return "I would rather not say."
        return preferring_script(lambda part: 1.0)(messages)

    log = Log()
    function = PermReward(judge_of(ScriptedChatModel(script)))
    found = await rewards_of(function, [GOOD, GOOD + " unreadable", GOOD], log_metric=log)
    assert found == [pytest.approx(BEST), None, pytest.approx(BEST)]
    assert function.unscored == {"no_verdict": 3}  # the Analysis could be judged
    assert log.mean("perm/unscored") == log.mean("perm/left_out") == pytest.approx(1 / 3)
    assert len(log.values["perm/resonation"]) == 3
    assert log.values["perm/expression"] == [5.0, 5.0]


@pytest.mark.parametrize(
    "text",
    ["You sound worn out.", "# Analysis\nShe is tired.", "# Analysis\n\n# Response\nHello", ""],
)
async def test_a_malformed_completion_is_the_models_own_doing(text: str) -> None:
    model = ScriptedChatModel(preferring_script(lambda part: 1.0))
    log = Log()
    lowest = PermReward(judge_of(model))
    assert await rewards_of(lowest, [text], log_metric=log) == [pytest.approx(LOWEST)]
    assert log.values["perm/malformed"] == [1.0]
    assert log.values["perm/unscored"] == [0.0]
    left_out = PermReward(judge_of(model), malformed=Malformed.LEAVE_OUT)
    assert await rewards_of(left_out, [text]) == [None]
    assert model.calls == []  # certain without a judge


async def test_no_completion_in_the_format_is_worth_less_than_a_malformed_one() -> None:
    worst = PermReward(preferring_judge(lambda part: 0.0))
    found = await rewards_of(worst, [GOOD, "no format"])
    assert found[0] == found[1] == pytest.approx(LOWEST)


async def test_all_judgements_run_at_once_up_to_the_bound() -> None:
    running, most = 0, 0
    verdict = preferring_script(lambda part: 1.0)

    async def script(messages: Sequence[BaseMessage]) -> Line:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(20):  # let every other call that may begin do so
            await asyncio.sleep(0)
        running -= 1
        return verdict(messages)

    function = PermReward(judge_of(ScriptedChatModel(script)), calls=6)
    await rewards_of(function, [GOOD] * 4)
    assert most == 6


async def test_the_judges_see_persona_scenario_message_and_history() -> None:
    model = ScriptedChatModel(preferring_script(lambda part: 1.0))
    columns: dict[str, Any] = {
        "persona": ["a nurse"],
        "scenario": ["a double shift"],
        "message": ["I am so tired."],
        "history": [[{"message": "Hello", "response": "Good evening"}]],
    }
    await rewards_of(PermReward(judge_of(model)), [GOOD], **columns)
    assert len(model.calls) == len(Perspective)
    for call in model.calls:
        seen = str(call.messages[-1].content)
        for text in ("a nurse", "a double shift", "I am so tired.", "Hello", "Good evening"):
            assert f"| {text}" in seen
        assert "framed" not in seen


async def test_without_columns_the_prompts_last_message_is_the_seekers() -> None:
    model = ScriptedChatModel(preferring_script(lambda part: 1.0))
    await rewards_of(PermReward(judge_of(model)), [GOOD], persona=[None], history=[None])
    assert "| framed" in str(model.calls[0].messages[-1].content)


async def test_a_judge_that_is_gone_ends_the_run_and_a_passing_failure_does_not() -> None:
    broken = EngineError(EngineFault.SERVER, "The judge's server failed.")
    failing = True

    def script(messages: Sequence[BaseMessage]) -> Line:
        return Output(failure=broken) if failing else preferring_script(lambda part: 1.0)(messages)

    function = PermReward(judge_of(ScriptedChatModel(script)))
    for _ in range(2):
        assert await rewards_of(function, [GOOD, GOOD]) == [None, None]
    failing = False
    assert await rewards_of(function, [GOOD]) == [pytest.approx(BEST)]
    failing = True
    for _ in range(2):
        await rewards_of(function, [GOOD])
    with pytest.raises(EngineError, match=r"3 batches in a row.*server failed"):
        await rewards_of(function, [GOOD])


async def test_it_can_be_called_from_another_loop_than_the_judges() -> None:
    here = asyncio.get_running_loop()
    seen: list[asyncio.AbstractEventLoop] = []

    def script(messages: Sequence[BaseMessage]) -> Line:
        seen.append(asyncio.get_running_loop())
        return preferring_script(lambda part: 1.0)(messages)

    function = judged_on(here, PermReward(judge_of(ScriptedChatModel(script))))
    assert inspect.iscoroutinefunction(function)  # or TRL would not await it
    found: list[float | None] = []
    call: dict[str, Any] = {"completions": [GOOD], "completion_ids": [[0]]}
    elsewhere = Thread(target=lambda: found.extend(asyncio.run(function(**call))))
    elsewhere.start()
    await asyncio.to_thread(elsewhere.join)
    assert found == [pytest.approx(BEST)]
    assert set(seen) == {here}
