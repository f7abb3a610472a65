"""Provisional scores of a turn: told while the Response is written, and kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from langchain_core.messages import BaseMessage

from chat import events
from chat.engines.scripted_model import Output
from perm.types import EngineError, EngineFault, Perspective
from tests.support.desk import OWNER, PLAIN, REPLY, Make, desk, judge_says, of

__all__ = ["desk"]

pytestmark = pytest.mark.unit

LIVE = PLAIN.model_copy(
    update={"logprobs": True, "top_logprobs": 20, "read_speed": 4000.0, "write_speed": 200.0}
)
LONG = REPLY + " It is late. You may rest now. The ward is quiet. Nobody needs you for a while."


def provisional_threes(messages: Sequence[BaseMessage]) -> str:
    """Threes for a Response that is not whole yet, fours for what is."""
    asked = str(messages[1].content)
    return judge_says(messages) if "for a while." in asked or "worn out" in asked else "3"


async def test_a_response_is_scored_provisionally_while_it_is_written(desk: Make) -> None:
    at = await desk(lambda _: Output(text=LONG, pace=0.05), provisional_threes, capabilities=LIVE)
    seen = await at.say("Hello")
    told = of(events.ProvisionalScore, seen)
    assert {event.perspective for event in told} == {Perspective.EXPRESSION, Perspective.RECEPTION}
    assert {event.score for event in told} == {3}
    heard = [event.heard for event in told if event.perspective is Perspective.EXPRESSION]
    assert len(heard) >= 2
    assert heard == sorted(set(heard)), "the newest sentence wins"
    done = seen.index(of(events.ReplyDone, seen)[0])
    assert max(seen.index(event) for event in told) < done
    assert min(seen.index(event) for event in told) > seen.index(of(events.ResponseDelta, seen)[0])


async def test_provisional_scores_are_kept_nowhere_and_enter_no_reward(desk: Make) -> None:
    at = await desk(lambda _: Output(text=LONG, pace=0.01), provisional_threes, capabilities=LIVE)
    seen = await at.say("Hello")
    assert of(events.ProvisionalScore, seen)
    assert len(of(events.VerdictLanded, seen)) == 4
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert sorted(v.verdict.score or 0 for v in turn.chosen.verdicts) == [4, 4, 4, 80]
    assert turn.chosen.reward is not None
    assert turn.chosen.reward.total == pytest.approx(0.78)


@pytest.mark.parametrize(
    "slow",
    [
        {"capabilities": LIVE.model_copy(update={"read_speed": 150.0})},
        {"capabilities": LIVE, "live_scores": False},
    ],
)
async def test_a_slow_engine_gives_only_final_scores(desk: Make, slow: dict[str, object]) -> None:
    at = await desk(lambda _: Output(text=LONG, pace=0.005), **slow)
    seen = await at.say("Hello")
    assert not of(events.ProvisionalScore, seen)
    assert len(of(events.VerdictLanded, seen)) == 4


async def test_a_provisional_call_that_fails_is_told_to_nobody(desk: Make) -> None:
    failure = EngineError(EngineFault.REQUEST, "The judge's server refused the request.")

    def judged(messages: Sequence[BaseMessage]) -> Output | str:
        found = provisional_threes(messages)
        return Output(failure=failure) if found == "3" else found

    at = await desk(lambda _: Output(text=LONG, pace=0.01), judged, capabilities=LIVE)
    seen = await at.say("Hello")
    assert not of(events.ProvisionalScore, seen) and not of(events.TurnFailed, seen)
    assert of(events.RewardReady, seen)[0].reward is not None


async def test_a_stopped_reply_ends_its_provisional_scores(desk: Make) -> None:
    at = await desk(lambda _: Output(text=LONG + " More." * 300, pace=0.005), capabilities=LIVE)
    stream = at.session.run_turn(OWNER, at.place.id, "Hello")
    await at.until(stream, events.ProvisionalScore)
    await at.session.stop(OWNER, at.place.id)
    seen = await at.rest()
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert set(turn.chosen.binding) <= {Perspective.RESONATION}
    after = [type(event) for event in seen]
    assert events.ProvisionalScore not in after[after.index(events.ReplyDone) :]
