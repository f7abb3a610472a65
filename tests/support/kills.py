"""A writer that is killed at random moments, again and again, and what must be there each time.

A writer is a process of `tests.store.writers` or `tests.support.talker`: it says by one line in a
file what was acknowledged to it, and the file outlives it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import ReplyStatus, Store
from chat.store.tables import conversation, feedback, reply, reward, turn, verdict
from tests.store import writers
from tests.store.samples import ANNA

ROWS: dict[str, Select[Any]] = {
    "conversation": select(conversation.c.id),
    "turn": select(turn.c.id),
    "reply": select(reply.c.id),
    "part": select(reply.c.id),
    "complete": select(reply.c.id).where(reply.c.status == ReplyStatus.COMPLETE),
    "verdict": select(verdict.c.id),
    "judged": select(verdict.c.reply_id, verdict.c.perspective),
    "reward": select(reward.c.reply_id),
    "feedback": select(feedback.c.id),
}
"""By what a writer says: the rows that must be there, by their keys, joined with a stroke."""


@dataclass
class Outcome:
    """`acknowledged`: how many rows the killed ones were told of; `lost`: those not found again."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    interrupted: int = 0
    restarts: list[float] = field(default_factory=list)


async def stored(store: Store, kind: str) -> set[str]:
    async def look(connection: AsyncConnection) -> set[str]:
        return {"/".join(map(str, row)) for row in await connection.execute(ROWS[kind])}

    return await store._database.read(look)


def said_in(path: Path) -> list[tuple[str, str]]:
    """What the store had acknowledged; a last line without its end was not said wholly."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [(line.split()[0], line.split()[1]) for line in lines if line.endswith("\n")]


async def kill_one(
    work: Callable[..., None], url: str, said: Path, chance: random.Random, most: int
) -> None:
    """Starts a writer and kills it a moment after some number of acknowledgements."""
    process = writers.start(work, url, said)
    count, deadline = chance.randint(1, most), time.monotonic() + 60
    while len(said_in(said)) < count and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    await asyncio.sleep(chance.uniform(0, 0.03))
    assert process.is_alive(), "the writer ended by itself"
    process.kill()
    process.join()


async def killed_at_random(
    work: Callable[..., None], url: str, folder: Path, times: int, most: int = 45
) -> Outcome:
    """Kill a writer so often, each after up to `most` acknowledgements; look at all each time."""
    chance = random.Random(times)
    found = Outcome()
    seen: dict[str, set[str]] = {kind: set() for kind in ROWS}
    for number in range(times):
        said = folder / f"said-{number}"
        await kill_one(work, url, said, chance, most)
        for kind, what in said_in(said):
            seen[kind].add(what)
        began = time.monotonic()
        store = await Store.open(url)
        half = (await stored(store, "reply")) - (await stored(store, "complete"))
        marked = await store.mark_interrupted()
        found.restarts.append(time.monotonic() - began)
        found.interrupted += marked
        found.kills += 1
        assert marked <= 1, "earlier ones were marked earlier"
        assert len(half) == found.interrupted
        health = await store.check(thorough=True)
        assert health.ok, health
        lost = {kind: ids - await stored(store, kind) for kind, ids in seen.items()}
        found.lost += sum(map(len, lost.values()))
        assert found.lost == 0, f"lost after kill {number + 1}: {lost}"
        for summary in await store.conversations(ANNA, limit=2):
            for one in await store.path(ANNA, summary.id):
                assert all(reply.status is not ReplyStatus.WRITING for reply in one.replies)
        await store.close()
    found.acknowledged = sum(map(len, seen.values()))
    assert found.interrupted, "no kill came in the middle of a reply: the test has shown nothing"
    return found
