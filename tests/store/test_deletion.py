"""Delete means delete: the rows, then every byte of them in the database's files."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import FeedbackInput, NewReply, NotFound, ReplyStatus, ReplyUpdate, Store, purging
from chat.store.location import locate
from chat.store.opening import open_database
from chat.store.tables import conversation, reply, turn
from tests.conftest import Figures
from tests.store.samples import ANNA, KEEP, REWARD, SCORED, begin, say, talk
from tests.store.test_schema import later

CANARY = "zebrafinch-7391"


async def with_canaries(store: Store, turns: int = 30) -> Path | None:
    """Two conversations grown side by side; the one titled "gone" has the canary everywhere."""
    gone = await store.create_conversation(ANNA, CANARY, CANARY, KEEP, title="gone")
    kept = await begin(store, title="kept")
    after = None
    for number in range(turns):
        text = f"{CANARY} {number} " * (1 + 40 * (number % 5))
        turn = await store.add_turn(ANNA, gone.id, text, after)
        new = NewReply(engine="e", model="m", prompt_hash="h", request=({"content": text},))
        reply = await store.add_reply(ANNA, turn.id, new)
        for status in (ReplyStatus.WRITING, ReplyStatus.COMPLETE):
            state = ReplyUpdate(status=status, raw=text, analysis=text, response=text)
            await store.update_reply(ANNA, reply.id, state)
        verdict = SCORED.model_copy(update={"raw": text, "reason": text, "request": text})
        await store.save_verdict(ANNA, reply.id, verdict)
        await store.save_reward(ANNA, reply.id, REWARD)
        await store.save_feedback(ANNA, reply.id, FeedbackInput(comment=text, better=text))
        await say(store, kept.id, f"something else {number}")
        after = reply.id
    await store.save_tags(ANNA, gone.id, [CANARY])
    await store.save_note(ANNA, gone.id, CANARY)
    link = await store.invitations.invite(ANNA, gone.id)
    said = FeedbackInput(comment=CANARY)
    await store.invitations.rate(link.token, "another rater", reply.id, said)
    return store._database.location.path


async def named(store: Store, title: str) -> list[UUID]:
    return [one.id for one in await store.conversations(ANNA) if one.title == title]


def traces(path: Path) -> dict[str, int]:
    """How often the canary can be read, by file, in everything that lies in the folder."""
    found = {
        one.name: one.read_bytes().count(CANARY.encode())
        for one in path.parent.rglob("*")
        if one.is_file()
    }
    return {name: count for name, count in found.items() if count}


async def test_everything_that_hangs_on_it_goes_and_nothing_else(store: Store) -> None:
    await with_canaries(store, 6)
    rows = (await store.check()).rows
    assert rows["turn"] == rows["reply"] == 12
    [gone] = await named(store, "gone")
    path = await store.path(ANNA, gone)
    await store.delete_conversation(ANNA, gone)
    left = (await store.check(thorough=True)).rows
    assert (left["conversation"], left["turn"], left["reply"]) == (1, 6, 6)
    assert left["verdict"] == left["reward"] == left["feedback"] == 0
    for call in (
        store.conversation(ANNA, gone),
        store.turn(ANNA, path[0].id),
        store.reply(ANNA, path[0].replies[0].id),
        store.delete_conversation(ANNA, gone),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_conversation_longer_than_a_cascade_is_deep(store: Store) -> None:
    """SQLite follows a chain of cascades 1,000 steps deep and then gives up."""
    place = await begin(store)
    [first] = await talk(store, place.id, 1)
    raw_turn = {"conversation_id": place.id, "message": "x", "created_at": first.created_at}
    raw_reply = {
        **{"status": "complete", "engine": "", "model": "", "prompt_hash": "", "number": 1},
        **{"sampling": {}, "request": [], "turns_left_out": 0, "chosen": True},
        **{"raw": "", "analysis": "", "response": "", "created_at": first.created_at},
    }

    async def lengthen(connection: AsyncConnection) -> None:
        after = first.replies[0].id
        for number in range(2, 1300):
            turn_id, reply_id = uuid4(), uuid4()
            await connection.execute(
                insert(turn).values(id=turn_id, number=number, parent_reply_id=after, **raw_turn)
            )
            await connection.execute(
                insert(reply).values(id=reply_id, turn_id=turn_id, **raw_reply)
            )
            after = reply_id
        await connection.execute(conversation.update().values(head_turn_id=turn_id))

    await store._database.write(lengthen)
    assert len(await store.path(ANNA, place.id)) == 1299
    await store.delete_conversation(ANNA, place.id)
    assert not any((await store.check()).rows.values())


@pytest.mark.unit
async def test_no_byte_of_it_is_left(tmp_path: Path, figure: Figures) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    await with_canaries(store)
    before = sum(traces(path).values())
    assert before > 1000, "the test looks at the right files"
    [gone], [kept] = await named(store, "gone"), await named(store, "kept")
    deletion = await store.delete_conversation(ANNA, gone)
    assert deletion.purged
    assert traces(path) == {}
    assert (await store.check(thorough=True)).ok
    assert len(await store.path(ANNA, kept)) == 1
    await store.close()
    left = sum(traces(path).values())
    assert left == 0
    figure("security.deleted", left, f"of {before:,} places left")


@pytest.mark.unit
async def test_no_byte_is_left_of_what_another_program_changed(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    await with_canaries(store)
    [gone] = await named(store, "gone")
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA secure_delete=OFF")
        other.execute("DELETE FROM verdict")
        other.execute("UPDATE reply SET raw = '', request = '[]'")
    other.close()
    assert (await store.delete_conversation(ANNA, gone)).purged
    assert traces(path) == {}
    await store.close()


@pytest.mark.unit
async def test_deletions_side_by_side_with_reading_and_writing(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    for _ in range(4):
        await with_canaries(store, 8)
    kept, gone = await named(store, "kept"), await named(store, "gone")
    done = asyncio.Event()

    async def go_on_reading(place_id: UUID) -> int:
        count = 0
        while not done.is_set():
            assert await store.path(ANNA, place_id)
            count += 1
        return count

    async def go_on_writing() -> int:
        count = 0
        while not done.is_set():
            await say(store, kept[0], f"meanwhile {count}")
            count += 1
        return count

    busy = [asyncio.create_task(go_on_reading(one)) for one in kept]
    busy.append(asyncio.create_task(go_on_writing()))
    deletions = await asyncio.gather(*(store.delete_conversation(ANNA, one) for one in gone))
    done.set()
    counts = await asyncio.gather(*busy)
    assert all(counts)
    assert all(one.purged for one in deletions)
    assert traces(path) == {}
    assert (await store.check(thorough=True)).ok
    await store.close()


@pytest.mark.unit
async def test_a_reader_that_stays_is_said_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "TRY_SECONDS", 0)
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    await with_canaries(store)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM turn").fetchone() == (60,)
    [gone] = await named(store, "gone")
    deletion = await store.delete_conversation(ANNA, gone)
    assert not deletion.purged
    assert "another program still reads" in deletion.detail
    assert await named(store, "gone") == [], "the rows are deleted all the same"
    assert traces(path), "and the store did not say otherwise"
    reader.execute("COMMIT")
    reader.close()
    await store.close()
    assert traces(path) == {}


@pytest.mark.unit
async def test_a_purge_that_a_crash_cut_off_is_made_up_for(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    await with_canaries(store)
    with patch.object(purging, "purge"):
        [gone] = await named(store, "gone")
        await store.delete_conversation(ANNA, gone)
        assert traces(path)
        await store.close()
    again = await Store.open(f"sqlite:///{path}")
    assert traces(path) == {}
    await again.close()


@pytest.mark.unit
async def test_copies_that_may_still_hold_it_are_named(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    await with_canaries(store, 2)
    await store.close()
    later_database = await open_database(
        locate(f"sqlite:///{path}"), scripts=later(tmp_path, "auto")
    )
    store = Store(later_database)
    [gone] = await named(store, "gone")
    deletion = await store.delete_conversation(ANNA, gone)
    [copy] = deletion.copies
    assert traces(path).keys() == {Path(copy).name}
    await store.close()
