"""Each event changes what the page shows, and a turn looks the same live and after a reload."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from chat.events import (
    JudgingStarted,
    ProvisionalScore,
    ReplyDone,
    ResponseDelta,
    RewardReady,
    TurnEnded,
    TurnEvent,
    TurnFailed,
    TurnSaved,
    VerdictLanded,
    Waiting,
)
from chat.store.records import Conversation, ReplyStatus
from chat.ui.scene import Activity, Scene, after, in_crisis
from perm.types import Part, Perspective
from tests.support.fake_session import (
    ANALYSIS,
    RESPONSE,
    conversation,
    failed_turn,
    four,
    good_turn,
    reward,
    turn,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def played(scene: Scene, *events: TurnEvent | float) -> Scene:
    for event in events:
        if not isinstance(event, float | int):
            scene = after(scene, event, NOW)
    return scene


def test_a_whole_turn() -> None:
    place = conversation()
    scene = played(Scene(conversation=place, message="Hello"), *good_turn(place), TurnEnded())
    reply = scene.reply
    assert reply is not None
    assert scene.turns[0].message == "Hello"
    assert (reply.analysis, reply.response) == (ANALYSIS, RESPONSE)
    assert {one: verdict.score for one, verdict in reply.binding.items()} == {
        verdict.perspective: verdict.score for verdict in four()
    }
    assert reply.reward == reward()
    assert scene.activity is Activity.IDLE


def test_activity_follows_writing_then_judging() -> None:
    place = conversation()
    script = good_turn(place)
    seen: list[Activity] = []
    scene = Scene(conversation=place)
    for event in script:
        scene = played(scene, event)
        if not seen or seen[-1] is not scene.activity:
            seen.append(scene.activity)
    assert seen == [Activity.WRITING, Activity.JUDGING, Activity.IDLE]


def test_waiting_is_shown_until_the_first_word() -> None:
    place = conversation()
    saved = TurnSaved(conversation_id=place.id, turn_id=uuid4(), reply_id=uuid4(), number=1)
    waiting = played(Scene(conversation=place), saved, Waiting(why="The model is loading."))
    assert waiting.waiting == "The model is loading."
    assert played(waiting, ResponseDelta(text="Hi")).waiting == ""


def test_another_reply_stands_beside_the_old_one_and_is_chosen() -> None:
    old = turn(verdicts=four())
    saved = TurnSaved(conversation_id=uuid4(), turn_id=old.id, reply_id=uuid4(), number=1)
    scene = played(Scene(turns=(old, turn(2))), saved, ResponseDelta(text="New"))
    (shown,) = scene.turns  # what followed the old reply is another path
    assert [reply.chosen for reply in shown.replies] == [False, True]
    assert shown.replies[0].response == RESPONSE
    assert scene.reply is not None
    assert (scene.reply.number, scene.reply.response) == (2, "New")


def test_an_edit_replaces_the_path_from_its_place_on() -> None:
    first, second, third = turn(1), turn(2), turn(3)
    scene = Scene(turns=(first, second, third), message="Changed", editing=second.id)
    saved = TurnSaved(conversation_id=uuid4(), turn_id=uuid4(), reply_id=uuid4(), number=2)
    scene = played(scene, saved)
    assert [one.message for one in scene.turns] == ["Message 1", "Changed"]
    assert scene.editing is None


def test_joining_late_plays_the_turn_from_its_start_without_doubling_it() -> None:
    place = conversation()
    script = good_turn(place)
    half = played(Scene(conversation=place, message="Hello"), *script[:12])
    again = played(half, *script)
    whole = played(Scene(conversation=place, message="Hello"), *script)
    assert again.turns == whole.turns


def test_a_failure_keeps_what_came() -> None:
    place = conversation()
    scene = played(Scene(conversation=place), *failed_turn(place))
    assert scene.reply is not None
    assert scene.reply.status is ReplyStatus.INCOMPLETE
    assert scene.reply.response == "Eleven seconds, and"
    assert scene.failure is not None
    assert scene.activity is Activity.IDLE


def test_a_new_turn_takes_the_old_failure_away() -> None:
    failure = TurnFailed(part=Part.ENGINE, what="It ended.", todo="Again.", saved=True)
    saved = TurnSaved(conversation_id=uuid4(), turn_id=uuid4(), reply_id=uuid4(), number=1)
    assert played(Scene(failure=failure), saved).failure is None


def test_verdicts_land_on_the_reply_they_belong_to() -> None:
    first, second = turn(1), turn(2)
    assert first.chosen is not None
    target = first.chosen.id
    verdict = four()[0]
    scene = played(
        Scene(turns=(first, second)),
        JudgingStarted(reply_id=target, perspectives=(Perspective.RESONATION,)),
        VerdictLanded(reply_id=target, verdict=verdict),
        RewardReady(reply_id=target, reward=None, missing=tuple(Perspective)[1:]),
    )
    assert scene.turns[0].chosen is not None
    assert scene.turns[0].chosen.binding == {Perspective.RESONATION: verdict}
    assert scene.turns[1] == second


def test_a_crisis_in_the_message_or_in_the_reply() -> None:
    assert not in_crisis(turn())
    assert in_crisis(turn(crisis="suicide"))
    calm = turn()
    assert calm.chosen is not None
    said = calm.chosen.model_copy(update={"crisis": "self_harm"})
    assert in_crisis(calm.model_copy(update={"replies": (said,)}))


def written(place: Conversation, *scores: float) -> tuple[Scene, UUID]:
    """A reply in the middle of its Response, scored so far."""
    saved = TurnSaved(conversation_id=place.id, turn_id=uuid4(), reply_id=uuid4(), number=1)
    told = [
        ProvisionalScore(
            reply_id=saved.reply_id, perspective=Perspective.EXPRESSION, score=score, heard=10
        )
        for score in scores
    ]
    return played(Scene(conversation=place, message="Hello"), saved, *told), saved.reply_id


def test_a_provisional_score_stands_until_its_verdict_lands() -> None:
    scene, reply_id = written(conversation(), 2.0, 3.5)
    assert scene.provisional(reply_id) == {Perspective.EXPRESSION: 3.5}
    assert scene.reply is not None
    assert scene.reply.verdicts == (), "it is no verdict"
    done = ReplyDone(status=ReplyStatus.COMPLETE, analysis="A", response="R")
    scene = played(scene, done, JudgingStarted(reply_id=reply_id, perspectives=tuple(Perspective)))
    assert scene.provisional(reply_id) == {Perspective.EXPRESSION: 3.5}
    expression = next(one for one in four() if one.perspective is Perspective.EXPRESSION)
    scene = played(scene, VerdictLanded(reply_id=reply_id, verdict=expression))
    assert scene.provisional(reply_id) == {}


def test_a_reply_that_will_not_be_judged_keeps_no_provisional_score() -> None:
    scene, reply_id = written(conversation(), 3.5)
    stopped = ReplyDone(status=ReplyStatus.STOPPED, analysis="A", response="R")
    assert played(scene, stopped).provisional(reply_id) == {}
