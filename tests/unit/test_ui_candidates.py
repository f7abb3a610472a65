"""Candidates on the page: their cards, what they show while they come, and what a veil hides."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from chat import events
from chat.store.records import ReplyStatus, Turn
from chat.store.study_records import PickedBy
from chat.ui.candidates import are_candidates, cards, how_many
from chat.ui.scene import Scene, after
from chat.ui.strip import under_conversation
from tests.support.fake_session import NOW, four, reply, reward, turn

pytestmark = pytest.mark.unit


def candidates(count: int = 3, **changes: object) -> Turn:
    turn_id = uuid4()
    replies = tuple(
        reply(
            turn_id,
            four(),
            number=number,
            sampling={"seed": number},
            response=f"Answer {number} <b>",
            chosen=number == 1,
            reward=reward(0.5 + number / 10),
            **changes,
        )
        for number in range(1, count + 1)
    )
    return turn(replies=replies)


def test_each_has_a_card_with_its_reward_and_a_way_to_pick_it() -> None:
    one = candidates()
    shown = cards(Scene(turns=(one,)))
    for candidate in one.replies:
        assert f'data-action="pick" data-value="{candidate.id}"' in shown
    for total in ("0.60", "0.70", "0.80"):
        assert f"<b>{total}</b>" in shown
    assert "Answer 2 &lt;b&gt;" in shown
    assert f'data-action="pick-highest" data-value="{one.id}"' in shown
    assert '<details class="candidates" open>' in shown


def test_an_ordinary_turn_and_one_tried_again_have_no_cards() -> None:
    assert cards(Scene()) == ""
    assert cards(Scene(turns=(turn(verdicts=four()),))) == ""
    again = turn(replies=(reply(uuid4()), reply(uuid4(), number=2)))
    assert not are_candidates(again)
    assert cards(Scene(turns=(again,))) == ""


def test_once_picked_they_are_folded_and_say_how_it_was_picked() -> None:
    one = candidates()
    first, second, third = one.replies
    picked = second.model_copy(update={"picked_by": PickedBy.REWARD})
    shown = cards(Scene(turns=(one.model_copy(update={"replies": (first, picked, third)}),)))
    assert '<details class="candidates">' in shown
    assert "Reply 2 of 3, picked by its reward" in shown


def test_a_veil_hides_rewards_and_what_would_give_them_away() -> None:
    one = candidates()
    bare = tuple(candidate.model_copy(update={"reward": None}) for candidate in one.replies)
    hidden = frozenset(candidate.id for candidate in bare)
    shown = cards(Scene(turns=(one.model_copy(update={"replies": bare}),), veiled=hidden))
    assert "reward" not in shown


def test_the_number_that_is_wanted_is_chosen_and_kept() -> None:
    shown = how_many(Scene(wanted=4))
    assert '<option value="4" selected>' in shown
    assert shown.count("<option") == 8
    assert 'data-choose="wanted"' in under_conversation(Scene())


def saved(place: UUID, turn_id: UUID, seed: int) -> events.TurnSaved:
    return events.TurnSaved(
        conversation_id=place, turn_id=turn_id, reply_id=uuid4(), number=1, seed=seed
    )


def test_words_of_several_replies_reach_their_own_cards_in_any_order() -> None:
    place, turn_id = uuid4(), uuid4()
    told = [saved(place, turn_id, seed) for seed in (5, 6, 7)]
    ids = [one.reply_id for one in told]
    scene = Scene(message="So tired.")
    for event in told:
        scene = after(scene, event, NOW)
    assert (scene.writing, scene.beside) == (ids[0], (ids[1], ids[2]))
    for number, one in enumerate([2, 0, 1, 0]):
        delta = events.ResponseDelta(text=f"{number} ", reply_id=ids[one])
        scene = after(scene, delta, NOW)
    [now] = scene.turns
    assert [one.response for one in now.replies] == ["1 3 ", "2 ", "0 "]
    assert [one.chosen for one in now.replies] == [True, False, False]
    for one in (0, 2, 1):
        done = events.ReplyDone(
            reply_id=ids[one], status=ReplyStatus.COMPLETE, analysis="", response=f"whole {one}"
        )
        scene = after(scene, done, NOW)
    assert scene.writing is None
    assert scene.beside == ()
    assert [one.response for one in scene.turns[0].replies] == ["whole 0", "whole 1", "whole 2"]
