"""Several app processes on one database: one writes in a conversation, the others do not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import NotFound, Store
from chat.store.leases import LEASE
from chat.store.records import Conversation, Reply, ReplyStatus
from chat.store.tables import conversation
from chat.store.writers import Writer
from tests.store.samples import ANNA, BEN, NEW_REPLY, begin

FAR = Writer("another-machine", 7, "feedbeef")


@pytest.fixture
async def far(store: Store) -> AsyncIterator[Store]:
    """The same database as a process on another machine sees it."""
    other = Store(store._database)
    other._writer = FAR
    yield other


async def being_written(store: Store) -> tuple[Conversation, Reply]:
    place = await begin(store)
    assert await store.claim(ANNA, place.id)
    turn = await store.add_turn(ANNA, place.id, "I cannot sleep", None)
    return place, await store.add_reply(ANNA, turn.id, NEW_REPLY)


async def grow_old(store: Store, age: timedelta) -> None:
    async def work(connection: AsyncConnection) -> None:
        seen = datetime.now(UTC) - age
        statement = update(conversation).where(conversation.c.writer.is_not(None))
        await connection.execute(statement.values(writer_seen=seen))

    await store._database.write(work)


async def test_one_process_writes_in_a_conversation(store: Store, far: Store) -> None:
    place = await begin(store)
    assert await store.claim(ANNA, place.id)
    assert await store.claim(ANNA, place.id), "its own claim is no hindrance"
    assert not await far.claim(ANNA, place.id)
    assert await far.is_written_elsewhere(ANNA, place.id)
    assert not await store.is_written_elsewhere(ANNA, place.id)
    await far.release(place.id)
    assert not await far.claim(ANNA, place.id), "nobody gives back what another holds"
    await store.release(place.id)
    assert await far.claim(ANNA, place.id)


async def test_a_second_process_leaves_alone_what_the_first_writes(
    store: Store, far: Store
) -> None:
    _, reply = await being_written(store)
    assert await far.mark_interrupted() == 0
    assert await far.renew_claims() == 0
    assert (await store.reply(ANNA, reply.id)).status is ReplyStatus.WRITING


async def test_what_a_dead_process_left_is_marked_by_whoever_lives(
    store: Store, far: Store
) -> None:
    place, reply = await being_written(store)
    await grow_old(store, LEASE + timedelta(seconds=1))
    assert not await far.is_written_elsewhere(ANNA, place.id)
    assert await far.renew_claims() == 1
    assert (await store.reply(ANNA, reply.id)).status is ReplyStatus.INTERRUPTED
    assert await far.claim(ANNA, place.id)


async def test_a_claim_over_a_dead_one_ends_its_reply(store: Store, far: Store) -> None:
    place, reply = await being_written(store)
    await grow_old(store, LEASE + timedelta(seconds=1))
    assert await far.claim(ANNA, place.id)
    assert (await store.reply(ANNA, reply.id)).status is ReplyStatus.INTERRUPTED


async def test_a_process_that_lives_renews_and_keeps_what_it_has(store: Store, far: Store) -> None:
    place, reply = await being_written(store)
    await grow_old(store, LEASE - timedelta(seconds=5))
    await store.renew_claims()
    await grow_old(store, timedelta(0))
    assert await far.renew_claims() == 0
    assert await far.is_written_elsewhere(ANNA, place.id)
    assert (await far.reply(ANNA, reply.id)).status is ReplyStatus.WRITING


async def test_a_claim_is_the_owners(store: Store) -> None:
    place = await begin(store)
    for owner, conversation_id in ((BEN, place.id), (ANNA, uuid4())):
        with pytest.raises(NotFound):
            await store.claim(owner, conversation_id)
        with pytest.raises(NotFound):
            await store.is_written_elsewhere(owner, conversation_id)


async def test_the_same_number_after_a_restart_is_another_process(store: Store) -> None:
    """In a container the app is always process 1: it knows its predecessor is no more."""
    place, reply = await being_written(store)
    again = Store(store._database)
    assert again._writer.pid == store._writer.pid
    assert await again.mark_interrupted() == 1
    assert not await again.is_written_elsewhere(ANNA, place.id)
    assert (await again.reply(ANNA, reply.id)).status is ReplyStatus.INTERRUPTED


@pytest.mark.unit
def test_a_process_knows_who_ended_beside_it() -> None:
    me = Writer.new()
    assert me.pid == os.getpid()
    assert Writer.read(str(me)) == me
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        beside = str(me._replace(pid=other.pid, token="x"))
        assert not me.knows_gone(beside)
        other.kill()
        other.wait()
    assert me.knows_gone(beside)
    assert not me.knows_gone(str(me))
    assert not me.knows_gone(str(FAR)), "of another machine nothing is known"
    for odd in ("", "host", "host:x:y", "::", "host:1"):
        assert not me.knows_gone(odd)
