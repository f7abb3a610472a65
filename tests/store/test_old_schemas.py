"""A database of each older schema: a copy first, then the upgrade, and every row is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect

from chat.store import Store
from chat.store.files import copies_of
from chat.store.schema import SHIPPED, _config
from chat.store.tables import metadata
from tests.conftest import Figures
from tests.store.samples import ANNA, FEEDBACK, REWARD, SCORED, begin, talk

pytestmark = pytest.mark.unit

HEAD = ScriptDirectory(str(SHIPPED)).get_current_head()


def older() -> Iterator[str]:
    """The shipped revisions before the newest, oldest first."""
    scripts = ScriptDirectory(str(SHIPPED)).walk_revisions()
    yield from reversed([one.revision for one in scripts if one.revision != HEAD])


async def filled(path: Path) -> None:
    """A database of today with several turns and all that hangs on them."""
    store = await Store.open(f"sqlite:///{path}")
    for length in (2, 4):
        for turn in await talk(store, (await begin(store)).id, length):
            reply_id = turn.replies[0].id
            await store.save_verdict(ANNA, reply_id, SCORED)
            await store.save_reward(ANNA, reply_id, REWARD)
            await store.save_feedback(ANNA, reply_id, FEEDBACK)
    await store.close()


def as_it_was(path: Path, revision: str, today: Path) -> dict[str, int]:
    """A database of an older schema with today's rows, as far as it has tables and columns."""

    def make(connection: Connection) -> None:
        config = _config(SHIPPED)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        make(connection)
        columns = {
            name: {one["name"] for one in inspect(connection).get_columns(name)}
            for name in inspect(connection).get_table_names()
        }
    engine.dispose()
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("ATTACH ? AS today", (str(today),))
        tables = [table for table in metadata.tables.values() if table.name in columns]
        for table in tables:
            shared = ", ".join(
                f'"{one.name}"' for one in table.c if one.name in columns[table.name]
            )
            old.execute(
                f"INSERT INTO {table.name} ({shared}) SELECT {shared} FROM today.{table.name}"
            )
        old.commit()
    return counted(path, [table.name for table in tables])


def counted(path: Path, tables: list[str]) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in tables
        }


async def test_every_older_schema_is_upgraded_with_a_copy_first(
    tmp_path: Path, figure: Figures
) -> None:
    await filled(tmp_path / "today.db")
    lost = total = 0
    revisions = list(older())
    for revision in revisions:
        path = tmp_path / revision / "chat.db"
        path.parent.mkdir()
        before = as_it_was(path, revision, tmp_path / "today.db")
        assert min(before[name] for name in ("conversation", "turn", "reply", "verdict")) > 0
        store = await Store.open(f"sqlite:///{path}")
        health = await store.check(thorough=True)
        turns = [await store.path(ANNA, one.id) for one in await store.conversations(ANNA)]
        await store.close()
        assert health.ok
        assert health.schema_version == HEAD
        assert sorted(map(len, turns)) == [2, 4]
        after = counted(path, list(before))
        (copy,) = copies_of(path)
        assert copy.name.endswith(f".revision-{revision}.db")
        assert counted(copy, list(before)) == before
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        total += sum(before.values())
        lost += sum(before[name] - after[name] for name in before)
    assert lost == 0
    figure("faults.old-schema", lost, f"rows lost of {total:,} in {len(revisions)} older schemas")
