"""Verdicts, rewards, feedback, prompts: kept as they are, and never what they must not be."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import FeedbackInput, Store, StoreError, StoreFault
from chat.store.tables import feedback, reply, reward, verdict
from perm.types import BYSTANDER_PARTS, Method, Perspective, Reward, binding
from tests.store.samples import (
    ANNA,
    FEEDBACK,
    REWARD,
    SCORED,
    UNSCORED,
    answer,
    begin,
    say,
    scored,
)


async def test_verdicts_come_out_as_they_went_in_oldest_first(store: Store) -> None:
    _, reply = await say(store, (await begin(store)).id)
    given = [UNSCORED, SCORED, scored(Perspective.RESONATION, 3.7), UNSCORED]
    saved = [await store.save_verdict(ANNA, reply.id, one) for one in given]
    assert [one.verdict for one in saved] == given
    assert all(one.reply_id == reply.id for one in saved)
    found = await store.reply(ANNA, reply.id)
    assert list(found.verdicts) == saved
    assert found.binding == binding(given)
    parts = found.verdicts[1].verdict.parts
    assert parts is not None
    assert tuple(parts) == BYSTANDER_PARTS, "in the order in which they were given"


async def test_a_reward_is_the_latest_one(store: Store) -> None:
    _, reply = await say(store, (await begin(store)).id)
    await store.save_reward(ANNA, reply.id, Reward(empathy=0.2, bystander=0, length=0, total=0.2))
    await store.save_reward(ANNA, reply.id, REWARD)
    assert (await store.reply(ANNA, reply.id)).reward == REWARD


async def test_feedback_is_one_row_that_is_replaced(store: Store) -> None:
    place = await begin(store)
    turn, reply = await say(store, place.id)
    other = await answer(store, turn.id)
    before = datetime.now(UTC)
    first = await store.save_feedback(ANNA, reply.id, FEEDBACK)
    assert before <= first.saved_at <= datetime.now(UTC)
    assert first.rater == ANNA
    second = await store.save_feedback(ANNA, reply.id, FeedbackInput(thumb=1))
    assert (second.id, second.reply_id) == (first.id, reply.id)
    assert second.saved_at > first.saved_at
    assert second.comment is None, "what is not said any more is gone"
    assert (await store.reply(ANNA, reply.id)).feedback == second
    assert (await store.reply(ANNA, other.id)).feedback is None


async def test_feedback_from_many_clicks_at_once_is_one_row(store: Store) -> None:
    _, reply = await say(store, (await begin(store)).id)
    given = [FeedbackInput(thumb=1, comment=str(number)) for number in range(20)]
    saved = await asyncio.gather(*(store.save_feedback(ANNA, reply.id, one) for one in given))
    assert len({one.id for one in saved}) == 1
    assert (await store.reply(ANNA, reply.id)).feedback in saved
    assert (await store.check()).rows["feedback"] == 1


async def test_a_prompt_is_kept_once(store: Store) -> None:
    await asyncio.gather(*(store.save_prompt("beef", "resonation", "Rate it.") for _ in range(20)))
    assert await store.prompt("beef") == "Rate it."
    assert await store.prompt("none") is None
    assert (await store.check()).rows["prompt"] == 1


async def test_the_latest_self_check_counts(store: Store) -> None:
    for accuracy in (0.6, 0.7):
        await store.save_selfcheck("a judge", "beef", Method.DIRECT, {"accuracy": accuracy})
    asked = ("a judge", "beef")
    assert await store.latest_selfcheck(*asked, Method.DIRECT) == {"accuracy": 0.7}
    assert await store.latest_selfcheck(*asked, Method.REASONED) is None
    assert (await store.check()).rows["selfcheck"] == 2


async def test_numbers_that_are_none_are_not_known(store: Store) -> None:
    """NaN in a probability is kept as what it is; NaN as a measured value is not known."""
    _, reply = await say(store, (await begin(store)).id)
    odd = UNSCORED.model_copy(
        update={"mass": math.nan, "seconds": math.inf, "distribution": {"1": math.nan, "2": 0.5}}
    )
    found = (await store.save_verdict(ANNA, reply.id, odd)).verdict
    assert (found.mass, found.seconds) == (None, None)
    assert found.distribution is not None
    assert math.isnan(found.distribution["1"])
    assert found.distribution["2"] == 0.5


VERDICT = {
    "method": "direct",
    "status": "scored",
    "score": 3.0,
    "perspective": "resonation",
    "unscored": None,
    "raw": "",
    "judge_model": "",
    "prompt_hash": "",
    "request": "",
    "attempts": 1,
    "number": 1,
}
WRONG_VERDICTS: dict[str, dict[str, Any]] = {
    "a scored one without a score": {"score": None},
    "an unscored one with a score": {"status": "unscored", "unscored": "empty"},
    "an unscored one without a reason": {"status": "unscored", "score": None},
    "a scored one with a reason for being unscored": {"unscored": "empty"},
    "6 of 5": {"score": 6.0},
    "0 of 5": {"score": 0.0},
    "101 of 100": {"perspective": "bystander", "score": 101.0},
    "a perspective that there is not": {"perspective": "Resonation"},
    "a method that there is not": {"method": "guessed"},
    "a status that there is not": {"status": "failed"},
}


async def _raw_insert(
    connection: AsyncConnection, table: Any, values: dict[str, Any], row_id: UUID | None
) -> None:
    keys = {"id": row_id} if row_id else {}
    await connection.execute(insert(table).values(**values, **keys))


async def test_the_tables_refuse_wrong_verdicts(store: Store, subtests: pytest.Subtests) -> None:
    """The tables hold the rules too, for whatever else may one day write into them."""
    _, reply = await say(store, (await begin(store)).id)
    fixed = {"reply_id": reply.id, "created_at": datetime.now(UTC)}
    write = store._database.write
    for what, wrong in WRONG_VERDICTS.items():
        with subtests.test(what):
            with pytest.raises(StoreError) as caught:
                await write(_raw_insert, verdict, VERDICT | fixed | wrong, uuid4())
            assert caught.value.fault is StoreFault.NOT_ALLOWED
    await write(_raw_insert, verdict, VERDICT | fixed, uuid4())


WRONG_FEEDBACK: list[dict[str, Any]] = [
    {"thumb": 0},
    {"thumb": 2},
    {"resonation": 0},
    {"expression": 6},
    {"reception": 6},
    {"bystander": 101},
    {"rater": ""},
    {"preference": "tie"},
    {"preference": "left", "other_reply_id": "other"},
    {"preference": "tie", "other_reply_id": "same"},
    {"other_reply_id": "other"},
]


async def test_the_tables_refuse_wrong_feedback(store: Store, subtests: pytest.Subtests) -> None:
    turn, one = await say(store, (await begin(store)).id)
    two = await answer(store, turn.id)
    named = {"other": two.id, "same": one.id}
    values: dict[str, Any] = {
        "reply_id": one.id,
        "rater": ANNA,
        "reasons": [],
        "saved_at": datetime.now(UTC),
    }
    write = store._database.write
    for wrong in WRONG_FEEDBACK:
        changed = {name: named.get(str(value), value) for name, value in wrong.items()}
        with subtests.test(str(wrong)):
            with pytest.raises(StoreError) as caught:
                await write(_raw_insert, feedback, values | changed, uuid4())
            assert caught.value.fault is StoreFault.NOT_ALLOWED
    pair = {"preference": "this", "other_reply_id": two.id}
    await write(_raw_insert, feedback, values, uuid4())
    await write(_raw_insert, feedback, values | pair, uuid4())


async def test_the_tables_refuse_a_second_chosen_reply_and_a_reward_that_cannot_be(
    store: Store,
) -> None:
    _, one = await say(store, (await begin(store)).id)
    write = store._database.write
    second = {
        "turn_id": one.turn_id,
        "number": 2,
        "status": "complete",
        "engine": "",
        "model": "",
        "prompt_hash": "",
        "sampling": {},
        "request": [],
        "turns_left_out": 0,
        "raw": "",
        "analysis": "",
        "response": "",
        "chosen": True,
        "created_at": datetime.now(UTC),
    }
    wrong_reward = {
        "reply_id": one.id,
        "empathy": 1.5,
        "bystander": 0.0,
        "length": 0.0,
        "total": 1.5,
        "settings": {},
        "saved_at": datetime.now(UTC),
    }
    for table, values, row_id in ((reply, second, uuid4()), (reward, wrong_reward, None)):
        with pytest.raises(StoreError) as caught:
            await write(_raw_insert, table, values, row_id)
        assert caught.value.fault is StoreFault.NOT_ALLOWED
    await write(_raw_insert, reply, second | {"chosen": False}, uuid4())
    await write(_raw_insert, reward, wrong_reward | {"empathy": 1.0, "total": 1.0}, None)


async def test_a_refused_row_is_repeated_nowhere(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """A database names the values of a row that it refuses; neither error nor log may."""
    _, one = await say(store, (await begin(store)).id)
    secret = "a sentence that nobody may read"
    values = VERDICT | {
        "reply_id": one.id,
        "created_at": datetime.now(UTC),
        "reason": secret,
        "score": 9.0,
    }
    with caplog.at_level("DEBUG"), pytest.raises(StoreError) as caught:
        await store._database.write(_raw_insert, verdict, values, uuid4())
    assert caught.value.__suppress_context__
    assert secret not in str(caught.value)
    spoken = [record for record in caplog.records if record.name.startswith("chat")]
    assert spoken
    assert not any(secret in record.getMessage() for record in spoken)
