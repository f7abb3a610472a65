"""Pairs of replies: whose word makes one, and why one is none."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from chat.export import Format
from chat.store import FeedbackInput, Store
from chat.store.study_records import PickedBy
from tests.support.orders import made, order, why
from tests.support.talks import ALL, ANNA, exporter, reply_to, talk

pytestmark = pytest.mark.unit


async def test_preferences_say_whose_word_they_are(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.PREFERENCE))
    by_source = {row["source"]: row for row in rows}
    assert sorted(row["source"] for row in rows) == ["correction", "pick"]
    pick, correction = by_source["pick"], by_source["correction"]
    assert pick["chosen"] == [_said("Twelve hours on your feet, talk.")]
    assert pick["rejected"] == [_said("Sleep more, talk.")]
    assert pick["reward_gap"] == pytest.approx(0.4 + 0.04)
    assert correction["chosen"] == [_said("That was a long night, talk.")]
    assert correction["rejected"] == [_said("Sleep more, talk.")]
    assert (correction["model"], correction["rejected_model"]) == ("a person", "a model")


def _said(response: str) -> dict[str, str]:
    return {
        "role": "assistant",
        "content": f"# Analysis\nThey feel unseen.\n\n# Response\n{response}",
    }


async def test_a_gap_between_rewards_makes_a_pair_from_the_margin_on(
    store: Store, tmp_path: Path
) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    for level in (3.0, 4.0, 2.0):
        await reply_to(store, ANNA, turn.id, f"at level {level}", level)
    [row] = await made(store, tmp_path / "out", order(Format.PREFERENCE, margin=0.43))
    assert "level 4.0" in row["chosen"][0]["content"]
    assert "level 2.0" in row["rejected"][0]["content"]
    assert (row["source"], row["reward_gap"]) == ("reward", pytest.approx(0.44))
    summary = await exporter(store).preview(order(Format.PREFERENCE, margin=0.45), [ANNA])
    assert why(summary) == {"pair: the gap between their rewards is below the margin": 1}


async def test_rewards_of_different_judges_make_no_pair(store: Store) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    await reply_to(store, ANNA, turn.id, "one", 2.0, judge="a judge")
    await reply_to(store, ANNA, turn.id, "two", 5.0, judge="another judge")
    summary = await exporter(store).preview(order(Format.PREFERENCE), [ANNA])
    assert summary.rows == 0
    assert why(summary) == {"pair: their rewards are unknown or of different judges": 1}


async def test_a_persons_word_counts_for_more_than_a_reward(store: Store, tmp_path: Path) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    await reply_to(store, ANNA, turn.id, "praised by the judge", 5.0)
    liked = await reply_to(store, ANNA, turn.id, "liked", 2.0)
    await store.pick_reply(ANNA, liked.id, PickedBy.PERSON)
    [row] = await made(store, tmp_path / "out", order(Format.PREFERENCE))
    assert row["source"] == "pick"
    assert row["chosen"][0]["content"].endswith("liked")
    assert row["reward_gap"] < 0


async def test_the_highest_rewards_own_pick_is_no_persons_word(
    store: Store, tmp_path: Path
) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    await reply_to(store, ANNA, turn.id, "low", 2.0)
    high = await reply_to(store, ANNA, turn.id, "high", 5.0)
    await store.pick_reply(ANNA, high.id, PickedBy.REWARD)
    [row] = await made(store, tmp_path / "out", order(Format.PREFERENCE))
    assert row["source"] == "reward"


async def test_a_reward_model_gets_whole_conversations(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.REWARD))
    for row in rows:
        assert [one["role"] for one in row["chosen"]] == ["system", "user", "assistant"]
        assert row["chosen"][:-1] == row["rejected"][:-1]
        assert row["chosen"][-1] != row["rejected"][-1]


def test_ids_are_ids() -> None:
    from chat.export.split import pair_id

    one, two = UUID(int=1), UUID(int=2)
    assert UUID(pair_id("vote", one, two)) == UUID(pair_id("vote", one, two))
    assert len({pair_id(s, a, b) for s in "xy" for a, b in ((one, two), (two, one))}) == 4


async def test_other_words_for_a_reply_may_come_from_its_feedback_alone(
    store: Store, tmp_path: Path
) -> None:
    place_id = await talk(store)
    path = await store.path(ANNA, place_id)
    same = FeedbackInput(better=path[1].replies[0].response)
    await store.save_feedback(ANNA, path[1].replies[0].id, same)
    summary = await exporter(store).preview(order(Format.PREFERENCE), [ANNA])
    assert why(summary)["pair: both say the same"] == 1
