"""Turns and replies: the tree, the open path, and who may see it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from chat.store import NotFound, Reply, ReplyStatus, Store, Turn
from perm.types import Perspective
from tests.store.samples import (
    ANNA,
    BEN,
    COMPLETE,
    FEEDBACK,
    NEW_REPLY,
    REWARD,
    SCORED,
    answer,
    begin,
    say,
    scored,
    talk,
)


def messages(path: list[Turn]) -> list[str]:
    return [turn.message for turn in path]


def chosen(turn: Turn) -> UUID | None:
    return turn.chosen.id if turn.chosen else None


async def test_a_turn_and_its_reply_come_out_as_they_went_in(store: Store) -> None:
    place = await begin(store)
    turn = await store.add_turn(ANNA, place.id, "I cannot sleep", None, crisis="self_harm")
    assert (turn.number, turn.message, turn.crisis) == (1, "I cannot sleep", "self_harm")
    assert turn.replies == ()
    new = await store.add_reply(ANNA, turn.id, NEW_REPLY)
    assert (new.status, new.number, new.chosen) == (ReplyStatus.WRITING, 1, True)
    assert await store.reply(ANNA, new.id) == new
    assert {name: getattr(new, name) for name in type(NEW_REPLY).model_fields} == {
        name: getattr(NEW_REPLY, name) for name in type(NEW_REPLY).model_fields
    }
    await store.update_reply(ANNA, new.id, COMPLETE)
    found = await store.reply(ANNA, new.id)
    told = {name: getattr(COMPLETE, name) for name in type(COMPLETE).model_fields}
    assert COMPLETE.model is None
    assert found == new.model_copy(update=told | {"model": NEW_REPLY.model})
    await store.update_reply(ANNA, new.id, COMPLETE.model_copy(update={"model": "another"}))
    assert (await store.reply(ANNA, new.id)).model == "another"
    await store.update_reply(ANNA, new.id, COMPLETE.model_copy(update={"model": new.model}))
    assert await store.turn(ANNA, turn.id) == turn.model_copy(update={"replies": (found,)})
    assert await store.path(ANNA, place.id) == [await store.turn(ANNA, turn.id)]


async def test_the_path_has_all_that_hangs_on_it(store: Store) -> None:
    place = await begin(store)
    _, first = await say(store, place.id, "one")
    turn, second = await say(store, place.id, "two", first.id)
    third = await answer(store, turn.id)
    for reply in (first, second, third):
        await store.save_verdict(ANNA, reply.id, SCORED)
        await store.save_reward(ANNA, reply.id, REWARD)
        await store.save_feedback(ANNA, reply.id, FEEDBACK)
    path = await store.path(ANNA, place.id)
    assert messages(path) == ["one", "two"]
    assert [turn.number for turn in path] == [1, 2]
    assert [[reply.number for reply in turn.replies] for turn in path] == [[1], [1, 2]]
    for turn in path:
        for reply in turn.replies:
            assert reply == await store.reply(ANNA, reply.id)
            assert [saved.verdict for saved in reply.verdicts] == [SCORED]
            assert reply.binding == {Perspective.BYSTANDER: SCORED}
            assert reply.reward == REWARD
            assert reply.feedback is not None


async def test_an_empty_conversation_has_an_empty_path(store: Store) -> None:
    assert await store.path(ANNA, (await begin(store)).id) == []


async def test_a_new_reply_is_the_chosen_one(store: Store) -> None:
    place = await begin(store)
    turn, first = await say(store, place.id)
    second = await answer(store, turn.id)
    [found] = await store.path(ANNA, place.id)
    assert [reply.id for reply in found.replies] == [first.id, second.id]
    assert [reply.chosen for reply in found.replies] == [False, True]
    await store.choose_reply(ANNA, first.id)
    assert chosen((await store.path(ANNA, place.id))[0]) == first.id


async def test_an_edit_is_a_sibling(store: Store) -> None:
    place = await begin(store)
    path = await talk(store, place.id, 3)
    edited = await store.add_turn(ANNA, place.id, "edited", path[1].parent_reply_id)
    assert messages(await store.path(ANNA, place.id)) == ["message 1", "edited"]
    assert await store.siblings(ANNA, edited.id) == [path[1].id, edited.id]
    assert await store.siblings(ANNA, path[2].id) == [path[2].id]
    first = await store.add_turn(ANNA, place.id, "another beginning", None)
    assert await store.siblings(ANNA, path[0].id) == [path[0].id, first.id]
    await store.set_head(ANNA, place.id, path[2].id)
    assert await store.path(ANNA, place.id) == path
    assert (await store.conversation(ANNA, place.id)).head_turn_id == path[2].id


async def test_choosing_an_older_reply_brings_back_what_followed_it(store: Store) -> None:
    place = await begin(store)
    path = await talk(store, place.id, 3)
    old = path[0].replies[0]
    new = await answer(store, path[0].id)
    assert messages(await store.path(ANNA, place.id)) == ["message 1"]
    await say(store, place.id, "elsewhere", new.id)
    assert messages(await store.path(ANNA, place.id)) == ["message 1", "elsewhere"]
    await store.choose_reply(ANNA, old.id)
    back = await store.path(ANNA, place.id)
    assert messages(back) == ["message 1", "message 2", "message 3"]
    assert chosen(back[0]) == old.id
    await store.choose_reply(ANNA, new.id)
    assert messages(await store.path(ANNA, place.id)) == ["message 1", "elsewhere"]


async def test_the_open_path_follows_the_chosen_replies(store: Store) -> None:
    """Whatever is done, on the open path every turn's chosen reply leads to the next turn."""
    place = await begin(store)
    first, one = await say(store, place.id, "first")
    other = await answer(store, first.id)
    second, two = await say(store, place.id, "second", one.id)  # follows the reply not chosen

    async def holds() -> None:
        path = await store.path(ANNA, place.id)
        stored = [await store.turn(ANNA, turn.id) for turn in path]
        assert stored == path
        for before, after in pairwise(path):
            assert chosen(before) == after.parent_reply_id

    await holds()
    assert chosen(await store.turn(ANNA, first.id)) == one.id
    await store.choose_reply(ANNA, other.id)
    await holds()
    await store.set_head(ANNA, place.id, second.id)
    await holds()
    await answer(store, first.id)
    await holds()
    await say(store, place.id, "third", two.id)
    await holds()


async def test_a_path_to_a_turn_that_is_not_open(store: Store) -> None:
    place = await begin(store)
    path = await talk(store, place.id, 3)
    new = await answer(store, path[0].id)
    aside = await store.path(ANNA, place.id, path[1].id)
    assert messages(aside) == ["message 1", "message 2"]
    assert chosen(aside[0]) == path[0].replies[0].id, "the reply that this path follows"
    assert chosen(await store.turn(ANNA, path[0].id)) == new.id, "the open one stays as it is"
    other = await begin(store)
    for wrong in (uuid4(), (await say(store, other.id))[0].id):
        with pytest.raises(NotFound):
            await store.path(ANNA, place.id, wrong)


async def test_a_turn_follows_a_reply_of_its_own_conversation(store: Store) -> None:
    place, other = await begin(store), await begin(store)
    foreign = await begin(store, BEN)
    _, elsewhere = await say(store, other.id)
    _, theirs = await say(store, foreign.id, owner=BEN)
    for wrong in (elsewhere.id, theirs.id, uuid4()):
        with pytest.raises(NotFound):
            await store.add_turn(ANNA, place.id, "x", wrong)
    assert await store.path(ANNA, place.id) == []
    turn, _ = await say(store, place.id)
    with pytest.raises(NotFound):
        await store.set_head(ANNA, other.id, turn.id)


async def test_foreign_and_missing_turns_and_replies_are_the_same(store: Store) -> None:
    place = await begin(store)
    turn, reply = await say(store, place.id)
    seen: dict[str, set[str]] = {}
    for owner, turn_id, reply_id in ((BEN, turn.id, reply.id), (ANNA, uuid4(), uuid4())):
        calls: dict[str, Any] = {
            "turn": store.turn(owner, turn_id),
            "siblings": store.siblings(owner, turn_id),
            "add_reply": store.add_reply(owner, turn_id, NEW_REPLY),
            "reply": store.reply(owner, reply_id),
            "update_reply": store.update_reply(owner, reply_id, COMPLETE),
            "choose_reply": store.choose_reply(owner, reply_id),
            "save_verdict": store.save_verdict(owner, reply_id, SCORED),
            "save_reward": store.save_reward(owner, reply_id, REWARD),
            "save_feedback": store.save_feedback(owner, reply_id, FEEDBACK),
        }
        for name, call in calls.items():
            with pytest.raises(NotFound) as caught:
                await call
            seen.setdefault(name, set()).add(str(caught.value))
    assert all(len(answers) == 1 for answers in seen.values())
    found = await store.reply(ANNA, reply.id)
    assert found == reply


async def test_replies_that_were_being_written_are_marked(store: Store) -> None:
    place = await begin(store)
    turn, done = await say(store, place.id)
    half: Reply = await store.add_reply(ANNA, turn.id, NEW_REPLY)
    partly = COMPLETE.model_copy(update={"status": ReplyStatus.WRITING, "raw": "half a"})
    await store.update_reply(ANNA, half.id, partly)
    assert await store.mark_interrupted() == 1
    assert await store.mark_interrupted() == 0
    found = await store.reply(ANNA, half.id)
    assert (found.status, found.raw) == (ReplyStatus.INTERRUPTED, "half a")
    assert (await store.reply(ANNA, done.id)).status is ReplyStatus.COMPLETE


async def test_numbers_stay_right_when_several_write_at_once(store: Store) -> None:
    place = await begin(store)
    turn, reply = await say(store, place.id)
    await asyncio.gather(
        *(store.add_reply(ANNA, turn.id, NEW_REPLY) for _ in range(10)),
        *(store.save_verdict(ANNA, reply.id, SCORED) for _ in range(10)),
    )
    found = await store.turn(ANNA, turn.id)
    assert [one.number for one in found.replies] == list(range(1, 12))
    assert [one.chosen for one in found.replies].count(True) == 1
    assert len((await store.reply(ANNA, reply.id)).verdicts) == 10


async def test_a_long_path_takes_no_more_statements_than_a_short_one(store: Store) -> None:
    place = await begin(store)
    counted: list[str] = []

    def count(_c: object, _cursor: object, statement: str, *_: object) -> None:
        counted.append(statement)

    engine = store._database.reader.sync_engine
    event.listen(engine, "before_cursor_execute", count)
    taken = []
    try:
        path = await talk(store, place.id, 2)
        for length in (2, 12):
            if length > 2:
                after = path[-1].replies[0].id
                for number in range(length - 2):
                    _, reply = await say(store, place.id, f"more {number}", after)
                    await store.save_verdict(ANNA, reply.id, scored(Perspective.RECEPTION, 3))
                    after = reply.id
            counted.clear()
            assert len(await store.path(ANNA, place.id)) == length
            taken.append(len([one for one in counted if "SELECT" in one.upper()]))
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert taken[0] == taken[1] == 7, counted
