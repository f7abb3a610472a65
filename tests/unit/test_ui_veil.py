"""Behind the veil nothing of a judgement is drawn before the rater has rated."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chat.store.records import FeedbackInput
from chat.ui.crisis_card import Whereabouts
from chat.ui.frame import frame
from chat.ui.scene import Scene
from chat.ui.turn_panel import JudgeNote
from chat.ui.veil import rated, veiled
from perm.types import Reward, RewardSettings
from tests.support.fake_session import NOW, four, reply, turn

pytestmark = pytest.mark.unit

REWARD = Reward(empathy=0.777, bystander=-0.022, length=0.0, total=0.755)


def scene(feedback: FeedbackInput | None) -> Scene:
    said = None
    reply_id = uuid4()
    if feedback is not None:
        said = {
            **feedback.model_dump(),
            "id": uuid4(),
            "reply_id": reply_id,
            "rater": "ann",
            "saved_at": NOW,
        }
    one = reply(uuid4(), four(), id=reply_id, reward=REWARD, feedback=said)
    return Scene(turns=(turn(1, replies=(one,)),))


def drawn(shown: Scene) -> str:
    note = JudgeNote(model="a-judge")
    return "\n".join(map(str, frame(shown, note, Whereabouts(), RewardSettings())))


def test_a_veiled_page_holds_no_score_and_no_reason() -> None:
    plain, hidden = drawn(scene(None)), drawn(veiled(scene(None)))
    secrets = ["4.20", ">4.2<", ">78<", "0.76", "spread ±", 'role="meter"']
    assert all(secret in plain for secret in secrets)
    assert [secret for secret in secrets if secret in hidden] == []
    assert "The judge is hidden" in hidden
    assert "hidden until you rate" in hidden
    assert "Rate it to hear its scores." in hidden


@pytest.mark.parametrize(
    "given",
    [FeedbackInput(thumb=-1), FeedbackInput(reception=3), FeedbackInput(bystander=0)],
)
def test_a_rating_lifts_it(given: FeedbackInput) -> None:
    shown = drawn(veiled(scene(given)))
    assert 'aria-valuenow="4.20"' in shown
    assert "The judge is hidden" not in shown


def test_words_alone_do_not() -> None:
    given = FeedbackInput(comment="fine", better="Better.", reasons=("long",))
    assert not rated(given)
    assert "4.20" not in drawn(veiled(scene(given)))


def test_nothing_is_lost_when_it_is_lifted() -> None:
    whole = scene(None)
    assert veiled(whole).turns[0].replies[0].verdicts == ()
    assert whole.turns[0].replies[0].verdicts
