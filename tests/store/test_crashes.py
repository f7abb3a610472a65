"""A process that is killed, and two that write at once: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import Store
from chat.store.tables import conversation, turn
from tests.conftest import Figures
from tests.store import writers
from tests.store.samples import ANNA
from tests.support.kills import killed_at_random
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.faults

KILLS = 10
TURNS_EACH = 500
"""Turns that each of two processes writes: a row of its own and a change of another one."""

MANY_TURNS_EACH = 5_000


async def test_killed_at_random_moments(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'chat.db'}"
    await killed_at_random(writers.write_for_ever, url, tmp_path, KILLS)


@pytest.mark.postgres
async def test_a_client_of_a_server_is_killed(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = postgres_server.database()
    await killed_at_random(writers.write_for_ever, url, tmp_path, KILLS)


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
    assert await two_write_at_once(kept_url, TURNS_EACH) == (0, 0)


async def test_two_processes_write_very_many_rows_at_once(tmp_path: Path, figure: Figures) -> None:
    lost, doubled = await two_write_at_once(f"sqlite:///{tmp_path / 'chat.db'}", MANY_TURNS_EACH)
    assert lost == doubled == 0
    figure(
        "faults.two-processes", lost, f"turns lost, {doubled} doubled of {2 * MANY_TURNS_EACH:,}"
    )


async def two_write_at_once(url: str, turns: int) -> tuple[int, int]:
    """How many turns of both are lost, and how many are there twice."""
    owners = ["anna", "ben"]
    processes = [writers.start(writers.write_turns, url, one, turns) for one in owners]
    for process in processes:
        await asyncio.to_thread(process.join)
    assert [process.exitcode for process in processes] == [0, 0], "a lock error"
    store = await Store.open(url)
    lost = doubled = 0
    for owner in owners:
        messages = await messages_of(store, owner)
        lost += len({f"{owner} {number}" for number in range(turns)} - set(messages))
        doubled += len(messages) - len(set(messages))
    assert (await store.check(thorough=True)).ok
    await store.close()
    return lost, doubled


async def messages_of(store: Store, owner: str) -> list[str]:
    query = (
        select(turn.c.message)
        .join(conversation, conversation.c.id == turn.c.conversation_id)
        .where(conversation.c.owner == owner)
    )

    async def look(connection: AsyncConnection) -> list[str]:
        return list(await connection.scalars(query))

    return await store._database.read(look)
