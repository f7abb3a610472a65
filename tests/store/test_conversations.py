"""Conversations: what goes in comes out, to its owner alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chat.store import Consents, NotFound, Store
from chat.store.conversations import title_from
from tests.store.samples import ANNA, BEN, begin, say, talk


async def test_what_goes_in_comes_out(store: Store) -> None:
    before = datetime.now(UTC)
    consents = Consents(keep=True, train=True)
    made = await store.create_conversation(
        ANNA, "a nurse", "a long night", consents, title="Nights", model="an-adapter"
    )
    assert made.model == "an-adapter"
    found = await store.conversation(ANNA, made.id)
    assert found == made
    assert (found.persona, found.scenario, found.title) == ("a nurse", "a long night", "Nights")
    assert found.consents == consents
    assert found.head_turn_id is None
    assert before <= found.created_at <= datetime.now(UTC)
    assert found.created_at.utcoffset() is not None
    assert found.updated_at == found.created_at


async def test_the_list_is_the_owners_newest_talk_first(store: Store) -> None:
    first, second, third = [await begin(store, title=title) for title in ("one", "two", "three")]
    await begin(store, BEN)
    await say(store, first.id)
    found = await store.conversations(ANNA)
    assert [one.id for one in found] == [first.id, third.id, second.id]
    assert [one.turns for one in found] == [1, 0, 0]
    assert [one.title for one in found] == ["one", "three", "two"]
    assert [one.id for one in await store.conversations(ANNA, limit=1, offset=1)] == [third.id]
    latest = await store.latest_conversation(ANNA)
    assert latest is not None
    assert latest.id == first.id
    assert await store.latest_conversation("nobody") is None
    assert await store.conversations("nobody") == []


async def test_turns_are_counted_along_the_open_path(store: Store) -> None:
    place = await begin(store)
    path = await talk(store, place.id, 3)
    await store.add_turn(ANNA, place.id, "edited", path[0].replies[0].id)
    assert [one.turns for one in await store.conversations(ANNA)] == [2]


async def test_renaming_and_consents(store: Store) -> None:
    place = await begin(store)
    await begin(store, title="later")
    await store.rename(ANNA, place.id, "Another name")
    await store.set_consents(ANNA, place.id, Consents(keep=True, research=True))
    found = await store.conversation(ANNA, place.id)
    assert found.title == "Another name"
    assert found.consents == Consents(keep=True, research=True)
    assert found.updated_at == place.updated_at, "a new name is no talk: the list keeps its order"


async def test_the_title_is_the_first_message_where_there_is_none(store: Store) -> None:
    place = await begin(store)
    _, reply = await say(store, place.id, "  I cannot\n\tsleep  ")
    assert (await store.conversation(ANNA, place.id)).title == "I cannot sleep"
    await say(store, place.id, "a second message", reply.id)
    assert (await store.conversation(ANNA, place.id)).title == "I cannot sleep"
    named = await begin(store, title="Mine")
    await say(store, named.id, "hello")
    assert (await store.conversation(ANNA, named.id)).title == "Mine"


@pytest.mark.unit
@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("short", "short"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 60 + "…"),
        ("word " * 20, ("word " * 12).rstrip() + "…"),
        ("a " + "y" * 80, "a " + "y" * 58 + "…"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_titles(message: str, title: str) -> None:
    assert title_from(message) == title


async def test_a_foreign_id_and_a_missing_one_are_the_same(store: Store) -> None:
    place = await begin(store)
    answers = set()
    for owner, wrong in ((BEN, place.id), (ANNA, uuid4())):
        for call in (
            store.conversation(owner, wrong),
            store.rename(owner, wrong, "x"),
            store.set_consents(owner, wrong, Consents()),
            store.delete_conversation(owner, wrong),
            store.path(owner, wrong),
            store.add_turn(owner, wrong, "x", None),
        ):
            with pytest.raises(NotFound) as caught:
                await call
            answers.add(str(caught.value))
    assert len(answers) == 1
    assert (await store.conversation(ANNA, place.id)).title == place.title


async def test_many_at_once(store: Store) -> None:
    """100 callers: every answer is the caller's own."""

    async def one(number: int) -> None:
        owner = f"owner {number}"
        place = await begin(store, owner)
        await store.add_turn(owner, place.id, f"message {number}", None)
        [turn] = await store.path(owner, place.id)
        assert turn.message == f"message {number}"
        assert [summary.id for summary in await store.conversations(owner)] == [place.id]

    await asyncio.gather(*(one(number) for number in range(100)))


async def test_a_cancelled_caller_leaves_the_store_whole(store: Store) -> None:
    """A closed tab cancels at any point: the write is finished, and the next one is served."""
    place = await begin(store)
    for delay in range(12):
        task = asyncio.create_task(say(store, place.id, f"cancelled {delay}"))
        await asyncio.sleep(delay / 500)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    while store._database._running:  # noqa: ASYNC110 (what was begun is finished)
        await asyncio.sleep(0.01)
    await say(store, place.id, "the last")
    assert [turn.message for turn in await store.path(ANNA, place.id)] == ["the last"]
    assert (await store.check(thorough=True)).ok
