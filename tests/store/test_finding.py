"""Finding again: each filter, the search, pages, owners; the shelf says what the tables say."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import FeedbackInput, NotFound, Store
from chat.store.found import Filters, Thumb
from chat.store.shelf_tables import shelf
from perm.types import Method, Perspective, Status, Unscored, Verdict
from tests.store.samples import ANNA, BEN, REWARD, answer, begin, say, scored, talk

R = Perspective.RESONATION


async def found(store: Store, owner: str = ANNA, **filters: Any) -> list[UUID]:
    return [row.reply_id for row in (await store.search(owner, Filters(**filters))).rows]


async def test_each_filter_finds_its_own_and_nothing_else(store: Store) -> None:
    place = await begin(store)
    _, high = await say(store, place.id, "the cat is gone")
    _, low = await say(store, place.id, "nobody rang", high.id)
    await store.save_verdict(ANNA, high.id, scored(R, 4.5, judge_model="judge one"))
    await store.save_verdict(ANNA, low.id, scored(R, 1.5, judge_model="judge two"))
    await store.save_reward(ANNA, high.id, REWARD)
    await store.save_feedback(ANNA, high.id, FeedbackInput(thumb=1))
    await store.save_feedback(ANNA, low.id, FeedbackInput(comment="hm"))
    await store.save_tags(ANNA, place.id, ["grief"])
    both = [low.id, high.id]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    cases: list[tuple[list[UUID], dict[str, Any]]] = [
        (both, {}),
        ([high.id], {"text": "cat"}),
        ([high.id], {"perspective": R, "low": 4.0}),
        ([low.id], {"perspective": R, "high": 2.0}),
        ([], {"perspective": Perspective.RECEPTION, "low": 1.0}),
        ([high.id], {"judge": "judge one"}),
        (both, {"model": "a model"}),
        ([], {"model": "another"}),
        ([high.id], {"reward_low": 0.6}),
        ([], {"reward_low": 0.7}),
        ([high.id], {"thumb": Thumb.UP}),
        ([], {"thumb": Thumb.DOWN}),
        (both, {"thumb": Thumb.ANY}),
        ([], {"thumb": Thumb.NONE}),
        (both, {"tag": "grief"}),
        ([], {"tag": "joy"}),
        (both, {"unscored": True}),
        (both, {"since": now - hour, "until": now + hour}),
        ([], {"since": now + hour}),
        ([], {"until": now - hour}),
        ([], {"text": "cat", "perspective": R, "high": 2.0}),
    ]
    for expected, filters in cases:
        assert await found(store, **filters) == expected, filters
    assert await found(store, BEN) == []
    chosen = await store.choices(ANNA)
    assert (chosen.models, chosen.judges, chosen.tags) == (
        ("a model",),
        ("judge one", "judge two"),
        ("grief",),
    )


async def test_a_search_looks_at_everything_that_was_said_and_noted(store: Store) -> None:
    place = await begin(store, title="Porridge")
    _, reply = await say(store, place.id, "Ich vermisse das Café, 猫が好き")
    await store.save_note(ANNA, place.id, "ask about the lighthouse")
    await store.save_tags(ANNA, place.id, ["Night shift"])
    hits = ("vermisse", "VERMISS", "café", "porridge", "nurse", "lighthouse", "night", "猫が")
    for words in (*hits, "vermisse lighthouse", "long night"):
        assert await found(store, text=words) == [reply.id], words
    for words in ("vermisse elephant", "ermisse", '"', "***", "a OR", "' | !x", "NEAR(", "-"):
        assert await found(store, text=words) == [], words
    await store.rename(ANNA, place.id, "Oats")
    await store.save_note(ANNA, place.id, "")
    assert await found(store, text="oats") == [reply.id]
    assert await found(store, text="porridge") == await found(store, text="lighthouse") == []


async def test_pages_follow_one_another_without_a_gap(store: Store) -> None:
    place = await begin(store)
    await talk(store, place.id, 7)
    first = await store.search(ANNA, Filters(), limit=3)
    second = await store.search(ANNA, Filters(), first.after, limit=3)
    await say(store, place.id, "meanwhile")
    third = await store.search(ANNA, Filters(), second.after, limit=3)
    numbers = [row.number for page in (first, second, third) for row in page.rows]
    assert numbers == [7, 6, 5, 4, 3, 2, 1]
    assert third.after is None


async def test_remarks_are_the_owners_own(store: Store) -> None:
    place = await begin(store)
    await store.save_tags(ANNA, place.id, ["b", " a  c ", "b", "", "x" * 99])
    await store.save_note(ANNA, place.id, " so it is ")
    kept = await store.remarks(ANNA, place.id)
    assert kept.tags == ("a c", "b", "x" * 40)
    assert kept.note == "so it is"
    for call in (
        store.remarks(BEN, place.id),
        store.save_tags(BEN, place.id, ["mine"]),
        store.save_note(BEN, place.id, "mine"),
    ):
        with pytest.raises(NotFound):
            await call
    assert await store.remarks(ANNA, place.id) == kept


def any_verdict(rng: random.Random) -> Verdict:
    perspective, method = rng.choice(list(Perspective)), rng.choice(list(Method))
    judge = rng.choice(("one", "two"))
    if rng.random() < 0.4:
        return Verdict(
            perspective=perspective, method=method, status=Status.UNSCORED,
            unscored=Unscored.ENGINE, judge_model=judge,
        )  # fmt: skip
    score = float(rng.randint(1, 5))
    return Verdict(
        perspective=perspective, method=method, status=Status.SCORED, score=score,
        judge_model=judge,
    )  # fmt: skip


async def shelved(store: Store) -> list[dict[str, Any]]:
    async def look(connection: AsyncConnection) -> list[dict[str, Any]]:
        columns = [one for one in shelf.c if one.name != "id"]
        rows = await connection.execute(select(*columns).order_by(shelf.c.reply_id))
        return [dict(row) for row in rows.mappings()]

    return await store._database.read(look)


async def test_the_shelf_says_what_binds_and_so_does_the_view_and_the_upgrade(
    store: Store,
) -> None:
    rng = random.Random(7)
    place = await begin(store)
    turn, _ = await say(store, place.id)
    for _ in range(25):
        reply = await answer(store, turn.id)
        for _ in range(rng.randint(0, 9)):
            await store.save_verdict(ANNA, reply.id, any_verdict(rng))
        if rng.random() < 0.5:
            await store.save_reward(ANNA, reply.id, REWARD)
        if rng.random() < 0.7:
            given = rng.choice(({}, {"thumb": -1}, {"better": "x"}))
            await store.save_feedback(ANNA, reply.id, FeedbackInput(**given))
    kept = {row["reply_id"]: row for row in await shelved(store)}
    for reply in (await store.turn(ANNA, turn.id)).replies:
        bound = reply.binding
        for one in Perspective:
            expected = bound[one].score if one in bound else None
            assert kept[reply.id][one.value] == expected
        assert kept[reply.id]["scored"] == sum(one.scored for one in bound.values())
        assert kept[reply.id]["reward"] == (reply.reward.total if reply.reward else None)

    async def anew(connection: AsyncConnection) -> int:
        await connection.execute(delete(shelf))
        await connection.execute(text(fill()))
        counting = "SELECT count(*) FROM verdicts WHERE counts = 1"
        return int(await connection.scalar(text(counting)) or 0)

    before = await shelved(store)
    counting = await store._database.write(anew)
    assert await shelved(store) == before
    assert counting == sum(len(one.binding) for one in (await store.turn(ANNA, turn.id)).replies)


def fill() -> str:
    """The statement with which the upgrade fills the shelf."""
    from importlib import import_module

    return str(import_module("chat.store.migrations.versions.0004_history").FILL)


@pytest.mark.unit
async def test_a_word_that_was_deleted_is_in_no_index_any_more(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    gone, kept = await begin(store), await begin(store)
    for number in range(30):
        await say(store, gone.id, f"zebrafinch{number} qualm")
        await say(store, kept.id, f"swallow{number}")
    await store.save_note(ANNA, gone.id, "xylophone")
    assert terms(path, "zebrafinch") == 30
    assert (await store.delete_conversation(ANNA, gone.id)).purged
    assert terms(path, "zebrafinch") == terms(path, "qualm") == terms(path, "xylophone") == 0
    assert terms(path, "swallow") == 30
    for one in path.parent.iterdir():
        held = one.read_bytes()
        assert not any(word in held for word in (b"zebrafinch", b"ebrafinch", b"qualm", b"xyloph"))
    assert len(await found(store, text="swallow7")) == 1
    await store.close()


def terms(path: Path, prefix: str) -> int:
    """How many terms that begin so lie in the index's segments, deleted ones among them."""
    with sqlite3.connect(path) as other:
        blocks = other.execute("SELECT block FROM shelf_search_data").fetchall()
        other.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, shelf_search, row)")
        listed = other.execute("SELECT count(*) FROM v WHERE term GLOB ?", (prefix + "*",))
        count = int(listed.fetchone()[0])
    other.close()
    if count == 0:
        assert not any(prefix.encode() in block for (block,) in blocks)
    return count


@pytest.mark.unit
async def test_the_index_and_the_shelf_stay_equal(tmp_path: Path) -> None:
    """FTS5 checks itself against its content: an entry that was missed or left behind fails."""
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    first, second = await begin(store), await begin(store)
    await talk(store, first.id, 5)
    await talk(store, second.id, 5)
    await store.rename(ANNA, second.id, "renamed")
    await store.delete_conversation(ANNA, first.id)
    await say(store, second.id, "after the file was written anew")
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO shelf_search(shelf_search, rank) VALUES ('integrity-check', 1)")
    other.close()
    assert len(await found(store, text="renamed")) == 2
    await store.close()
