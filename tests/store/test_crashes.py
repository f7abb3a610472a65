"""A process that is killed, and two that write at once: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import ReplyStatus, Store
from chat.store.tables import conversation, feedback, reply, reward, turn, verdict
from tests.store import writers
from tests.store.samples import ANNA
from tests.support.postgres import PostgresServer

KILLS = 10
MANY_KILLS = 200
TURNS_EACH = 500
"""Turns that each of two processes writes: a row of its own and a change of another one."""

COLUMNS = {
    "conversation": conversation.c.id,
    "turn": turn.c.id,
    "reply": reply.c.id,
    "part": reply.c.id,
    "complete": reply.c.id,
    "verdict": verdict.c.id,
    "reward": reward.c.reply_id,
    "feedback": feedback.c.id,
}


async def stored(store: Store, kind: str) -> set[str]:
    query = select(COLUMNS[kind])
    if kind == "complete":
        query = query.where(reply.c.status == ReplyStatus.COMPLETE)

    async def look(connection: AsyncConnection) -> set[str]:
        return {str(one) for one in await connection.scalars(query)}

    return await store._database.read(look)


def acknowledged(path: Path) -> list[tuple[str, str]]:
    """What the store had acknowledged; a last line without its end was not said wholly."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [(line.split()[0], line.split()[1]) for line in lines if line.endswith("\n")]


async def kill_one(url: str, said: Path, chance: random.Random) -> None:
    """Starts a writer and kills it a moment after some number of acknowledgements."""
    process = writers.start(writers.write_for_ever, url, said)
    count, deadline = chance.randint(1, 45), time.monotonic() + 60
    while len(acknowledged(said)) < count and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    await asyncio.sleep(chance.uniform(0, 0.03))
    assert process.is_alive(), "the writer ended by itself"
    process.kill()
    process.join()


async def killed_at_random(url: str, folder: Path, times: int) -> None:
    chance = random.Random(times)
    interrupted = 0
    seen: dict[str, set[str]] = {kind: set() for kind in COLUMNS}
    for number in range(times):
        said = folder / f"said-{number}"
        await kill_one(url, said, chance)
        for kind, what in acknowledged(said):
            seen[kind].add(what)
        store = await Store.open(url)
        health = await store.check(thorough=True)
        assert health.ok, health
        for kind, ids in seen.items():
            assert ids <= await stored(store, kind), f"{kind} lost after kill {number + 1}"
        half = (await stored(store, "reply")) - (await stored(store, "complete"))
        marked = await store.mark_interrupted()
        interrupted += marked
        assert marked <= 1, "earlier ones were marked earlier"
        assert len(half) == interrupted
        for summary in await store.conversations(ANNA, limit=2):
            for one in await store.path(ANNA, summary.id):
                assert all(found.status is not ReplyStatus.WRITING for found in one.replies)
        await store.close()
    assert interrupted, "no kill came in the middle of a reply: the test has shown nothing"
    assert all(seen.values()), "no kill came late enough"


@pytest.mark.unit
async def test_killed_at_random_moments(tmp_path: Path) -> None:
    await killed_at_random(f"sqlite:///{tmp_path / 'data' / 'chat.db'}", tmp_path, KILLS)


@pytest.mark.faults
@pytest.mark.timeout(1800)
async def test_killed_at_very_many_random_moments(tmp_path: Path) -> None:
    await killed_at_random(f"sqlite:///{tmp_path / 'data' / 'chat.db'}", tmp_path, MANY_KILLS)


@pytest.mark.postgres
async def test_a_client_of_a_server_is_killed(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    await killed_at_random(postgres_server.database(), tmp_path, KILLS)


@pytest.mark.unit
async def test_killed_while_it_makes_the_database(tmp_path: Path) -> None:
    """Whatever the moment, the next start finds a whole database or none."""
    chance = random.Random(7)
    for number in range(KILLS):
        url = f"sqlite:///{tmp_path / str(number) / 'chat.db'}"
        process = writers.start(writers.write_turns, url, ANNA, 1)
        await asyncio.sleep(chance.uniform(0, 0.4))
        process.kill()
        process.join()
        store = await Store.open(url)
        assert (await store.check(thorough=True)).ok
        await store.close()


async def test_two_processes_write_at_once(kept_url: str) -> None:
    """All wait their turn: no lock error, no row lost, none doubled."""
    owners = ["anna", "ben"]
    processes = [writers.start(writers.write_turns, kept_url, one, TURNS_EACH) for one in owners]
    for process in processes:
        await asyncio.to_thread(process.join)
    assert [process.exitcode for process in processes] == [0, 0]
    store = await Store.open(kept_url)
    for owner in owners:
        [summary] = await store.conversations(owner)
        head = await store.path(owner, summary.id)
        siblings = await store.siblings(owner, head[0].id)
        found = [(await store.turn(owner, one)).message for one in siblings[:: TURNS_EACH // 10]]
        assert len(siblings) == len(set(siblings)) == TURNS_EACH
        assert found == [f"{owner} {number}" for number in range(0, TURNS_EACH, TURNS_EACH // 10)]
    assert (await store.check(thorough=True)).rows["turn"] == 2 * TURNS_EACH
    await store.close()
