"""Processes that write until they are done or killed, and say what the store acknowledged.

What was acknowledged is written to a file with one `write` a line, which outlives the process.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Awaitable, Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from chat.store import ReplyStatus, Store
from perm.types import Perspective
from tests.store.samples import ANNA, COMPLETE, FEEDBACK, NEW_REPLY, REWARD, begin, scored

PRELOAD = ["tests.store.writers", "tests.support.talker", "alembic.command", "psycopg"]

Said = Callable[[str, object], None]


def context() -> ForkServerContext:
    """Processes that begin in a moment: what they import was imported once."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOAD)
    return found


def start(work: Callable[..., None], *args: object) -> ForkServerProcess:
    process = context().Process(target=work, args=args, daemon=True)
    process.start()
    return process


def write_for_ever(url: str, acknowledged: Path) -> None:
    """Turn after turn, each with a reply that grows, verdicts, a reward and feedback."""
    descriptor = os.open(acknowledged, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def said(kind: str, what: object) -> None:
        os.write(descriptor, f"{kind} {what}\n".encode())

    asyncio.run(_with_store(url, lambda store: _talk_on(store, said)))


async def _talk_on(store: Store, said: Said) -> None:
    after = None
    place = await begin(store)
    said("conversation", place.id)
    while True:
        turn = await store.add_turn(ANNA, place.id, f"after {after}", after)
        said("turn", turn.id)
        reply = await store.add_reply(ANNA, turn.id, NEW_REPLY)
        said("reply", reply.id)
        for length in range(1, 13):
            partly = COMPLETE.model_copy(
                update={"status": ReplyStatus.WRITING, "raw": "x" * 500 * length}
            )
            await store.update_reply(ANNA, reply.id, partly)
            said("part", reply.id)
        await store.update_reply(ANNA, reply.id, COMPLETE)
        said("complete", reply.id)
        for perspective in Perspective:
            saved = await store.save_verdict(ANNA, reply.id, scored(perspective, 3.0))
            said("verdict", saved.id)
        await store.save_reward(ANNA, reply.id, REWARD)
        said("reward", reply.id)
        feedback = await store.save_feedback(ANNA, reply.id, FEEDBACK)
        said("feedback", feedback.id)
        after = reply.id


def write_turns(url: str, owner: str, count: int) -> None:
    """`count` first turns for one owner, as quickly as they can be saved."""

    async def write(store: Store) -> None:
        place = await begin(store, owner)
        for number in range(count):
            await store.add_turn(owner, place.id, f"{owner} {number}", None)

    asyncio.run(_with_store(url, write))


async def _with_store(url: str, work: Callable[[Store], Awaitable[None]]) -> None:
    store = await Store.open(url)
    await work(store)
    await store.close()
