"""A turn in which something fails: the message stays, what came stays, no number is made up."""

from __future__ import annotations

import pytest

from chat import events
from chat.engines.scripted import ScriptedEngine
from chat.engines.scripted_model import Output
from chat.store.records import ReplyStatus
from perm.types import EngineError, EngineFault, Part, Perspective, Status, Unscored
from tests.support.desk import OWNER, PLAIN, REPLY, Make, desk, of, supporter_and_judge

__all__ = ["desk"]

pytestmark = pytest.mark.unit


async def test_the_supporter_failing_in_mid_reply_keeps_the_part_that_came(desk: Make) -> None:
    failure = EngineError(EngineFault.CUT_OFF, "The model's server broke off.", "Press Retry.")
    at = await desk(lambda _: Output(text=REPLY, failure=failure, fails_after=16))
    seen = await at.say("Hello")
    (failed,) = of(events.TurnFailed, seen)
    assert (failed.part, failed.saved) == (Part.ENGINE, True)
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.INCOMPLETE
    assert turn.chosen.raw and REPLY.startswith(turn.chosen.raw)


async def test_a_passing_fault_before_the_first_word_is_tried_once_more(desk: Make) -> None:
    failure = EngineError(EngineFault.UNREACHABLE, "The model's server is not there.")
    outputs = iter([Output(failure=failure), Output(text=REPLY)])
    at = await desk(lambda _: next(outputs))
    seen = await at.say("Hello")
    assert of(events.Waiting, seen)
    assert of(events.ReplyDone, seen)[0].status is ReplyStatus.COMPLETE
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert len(turn.replies) == 1


async def test_an_engine_that_never_comes_up_is_said_and_the_message_is_kept(desk: Make) -> None:
    broken = EngineError(EngineFault.NOT_READY, "The model file is damaged.", "Fetch it again.")
    at = await desk(engine=ScriptedEngine(start_failure=broken))
    seen = await at.say("Hello")
    (failed,) = of(events.TurnFailed, seen)
    assert failed.what == "The model file is damaged." and failed.saved
    assert len(await at.session.path(OWNER, at.place.id)) == 1


async def test_a_message_sent_while_the_model_loads_waits_and_is_answered(desk: Make) -> None:
    engine = ScriptedEngine(
        supporter_and_judge(lambda _: REPLY), capabilities=PLAIN, start_seconds=0.7
    )
    at = await desk(engine=engine)
    seen = await at.say("Hello")
    assert of(events.Waiting, seen)
    assert of(events.ReplyDone, seen)[0].status is ReplyStatus.COMPLETE
    assert of(events.RewardReady, seen)[0].reward is not None


async def test_a_judge_that_fails_leaves_the_reply_untouched_and_no_number(desk: Make) -> None:
    refused = EngineError(EngineFault.UNAUTHORISED, "The judge's server refused the key.")
    at = await desk(judged=lambda _: Output(failure=refused))
    seen = await at.say("Hello")
    verdicts = [v.verdict for v in of(events.VerdictLanded, seen)]
    assert [v.status for v in verdicts] == [Status.UNSCORED] * 4
    assert {v.unscored for v in verdicts} == {Unscored.ENGINE}
    assert of(events.ReplyDone, seen)[0].status is ReplyStatus.COMPLETE
    (reward,) = of(events.RewardReady, seen)
    assert reward.reward is None and len(reward.missing) == 4


async def test_a_reply_without_the_format_is_usable_and_resonation_is_unscored(desk: Make) -> None:
    at = await desk(lambda _: "I am here with you.")
    seen = await at.say("Hello")
    assert of(events.ReplyDone, seen)[0].response == "I am here with you."
    verdicts = {v.verdict.perspective: v.verdict for v in of(events.VerdictLanded, seen)}
    assert verdicts[Perspective.RESONATION].unscored is Unscored.NO_ANALYSIS
    assert of(events.RewardReady, seen)[0].missing == (Perspective.RESONATION,)


async def test_going_down_marks_what_was_half_written(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY + " more" * 500, pace=0.005))
    stream = at.session.run_turn(OWNER, at.place.id, "Hello")
    await at.until(stream, events.ResponseDelta)
    await at.session.close()
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.INTERRUPTED
    assert turn.chosen.response
