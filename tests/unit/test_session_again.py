"""A turn taken in hand again: stopped, tried again, edited, its reasons asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from langchain_core.messages import BaseMessage

from chat import events
from chat.engines.scripted_model import Output
from chat.store.records import ReplyStatus
from perm.types import Method, Perspective
from tests.support.desk import OWNER, REPLY, Make, desk, judge_says

__all__ = ["desk"]

pytestmark = pytest.mark.unit


async def test_stop_keeps_what_came_and_asks_no_judge_of_the_response(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY + " more" * 500, pace=0.005))
    stream = at.session.run_turn(OWNER, at.place.id, "Hello")
    await at.until(stream, events.ResponseDelta)
    await at.session.stop(OWNER, at.place.id)
    await at.rest()
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.STOPPED
    assert turn.chosen.response and "more" * 500 not in turn.chosen.response
    assert set(turn.chosen.binding) <= {Perspective.RESONATION}
    assert turn.chosen.reward is None
    assert not await at.session.is_writing(OWNER, at.place.id)


async def test_retry_keeps_the_old_reply_beside_the_new_one(desk: Make) -> None:
    replies = iter([REPLY, REPLY.replace("Sit down", "Rest a little")])
    at = await desk(lambda _: next(replies))
    await at.say("Hello")
    (turn,) = await at.session.path(OWNER, at.place.id)
    _ = [event async for event in at.session.retry(OWNER, turn.id)]
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert [reply.chosen for reply in turn.replies] == [False, True]
    assert "Rest a little" in turn.replies[1].response
    await at.session.choose_reply(OWNER, turn.replies[0].id)
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert [reply.chosen for reply in turn.replies] == [True, False]


async def test_an_edited_message_is_a_branch_and_the_old_one_stays(desk: Make) -> None:
    at = await desk()
    await at.say("First")
    await at.say("Second")
    first, second = await at.session.path(OWNER, at.place.id)
    _ = [event async for event in at.session.edit(OWNER, second.id, "Second, better")]
    path = await at.session.path(OWNER, at.place.id)
    assert [turn.message for turn in path] == ["First", "Second, better"]
    siblings = await at.session.siblings(OWNER, second.id)
    assert len(siblings) == 2
    await at.session.set_head(OWNER, at.place.id, second.id)
    path = await at.session.path(OWNER, at.place.id)
    assert [turn.message for turn in path] == ["First", "Second"]
    assert path[0].id == first.id


async def test_asking_for_reasons_keeps_the_direct_scores(desk: Make) -> None:
    def judged(messages: Sequence[BaseMessage]) -> str:
        asks_reason = "Reason:" in str(messages[1].content)
        return "Reason: warm.\nScore: 3" if asks_reason else judge_says(messages)

    at = await desk(judged=judged)
    await at.say("Hello")
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    _ = [
        event
        async for event in at.session.judge(
            OWNER, turn.chosen.id, [Perspective.EXPRESSION], Method.REASONED
        )
    ]
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    saved = [v.verdict for v in turn.chosen.verdicts if v.verdict.reason]
    assert [(v.reason, v.score) for v in saved] == [("warm.", 3)]
    assert turn.chosen.binding[Perspective.EXPRESSION].score == 4
