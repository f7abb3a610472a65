"""Alembic owns the schema: scripts and tables say the same, and an upgrade loses nothing."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Inspector, inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import Store, StoreError, StoreFault, derived
from chat.store.location import locate
from chat.store.opening import open_database
from chat.store.schema import SHIPPED
from chat.store.tables import metadata
from tests.store.conftest import url_of
from tests.store.samples import ANNA, FEEDBACK, REWARD, SCORED, begin, talk

HEAD = ScriptDirectory(str(SHIPPED)).get_current_head()
VERSIONS = "versions"


async def run(store: Store, work: Any) -> Any:
    async def inside(connection: AsyncConnection) -> Any:
        return await connection.run_sync(work)

    return await store._database.read(inside)


def ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Not what `chat.store.derived` makes."""
    return kind not in {"table", "index"} or not str(name).startswith(derived.FTS)


async def test_scripts_and_tables_agree(store: Store) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": ours}
        )
        return list(compare_metadata(context, metadata))

    assert await run(store, differences) == []


def described(inspector: Inspector) -> dict[str, Any]:
    """What a schema holds, checks, cascades and partial indexes included: Alembic sees not all."""
    return {
        name: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name)
            },
            "primary": inspector.get_pk_constraint(name),
            "foreign": sorted(map(str, inspector.get_foreign_keys(name))),
            "unique": sorted(map(str, inspector.get_unique_constraints(name))),
            "checks": sorted(map(str, inspector.get_check_constraints(name))),
            "indexes": sorted(map(_index, inspector.get_indexes(name))),
        }
        for name in metadata.tables
    }


def _index(index: Any) -> str:
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return str((index["name"], index["column_names"], bool(index["unique"]), options))


@pytest.mark.parametrize("kind", ["file", pytest.param("postgres", marks=pytest.mark.postgres)])
@pytest.mark.unit
async def test_scripts_and_tables_make_the_same_schema(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    scripts = await Store.open(url_of(kind, request, tmp_path / "scripts"))
    tables = await Store.open(url_of(kind, request, tmp_path / "tables"))

    async def anew(connection: AsyncConnection) -> None:
        await connection.run_sync(derived.drop)
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
        await connection.run_sync(derived.make)

    await tables._database.write(anew)
    look = [
        await run(store, lambda connection: described(inspect(connection)))
        for store in (scripts, tables)
    ]
    assert look[0] == look[1]
    assert sum(len(table["checks"]) for table in look[0].values()) > 20
    await scripts.close()
    await tables.close()


LATER = '''
"""A later schema, as tests need one: `reply` is written anew, `conversation` gets a column."""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "later", "{head}", None, None


def upgrade():
    with op.batch_alter_table("conversation", recreate="auto") as batch:
        batch.add_column(sa.Column("mood", sa.Text()))
    with op.batch_alter_table("turn", recreate="{recreate}") as batch:
        batch.alter_column("crisis", new_column_name="kind")
    {more}


def downgrade():
    raise NotImplementedError
'''


def later(folder: Path, recreate: str = "always", more: str = "pass") -> Path:
    """The shipped scripts and one more."""
    scripts = folder / f"scripts-{recreate}-{len(more)}"
    shutil.copytree(SHIPPED, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    text = LATER.format(recreate=recreate, more=more, head=HEAD)
    (scripts / VERSIONS / "later.py").write_text(text)
    return scripts


async def filled(url: str) -> dict[str, int]:
    """A database with some of everything; gives the number of rows by table."""
    store = await Store.open(url)
    for length in (1, 3, 5):
        for turn in await talk(store, (await begin(store)).id, length):
            reply_id = turn.replies[0].id
            await store.save_verdict(ANNA, reply_id, SCORED)
            await store.save_reward(ANNA, reply_id, REWARD)
            await store.save_feedback(ANNA, reply_id, FEEDBACK)
    rows = dict((await store.check()).rows)
    await store.close()
    assert rows["turn"] == rows["verdict"] == rows["feedback"] == 9
    return rows


async def test_an_older_schema_is_upgraded_and_nothing_is_lost(
    kept_url: str, tmp_path: Path
) -> None:
    before = await filled(kept_url)
    scripts = later(tmp_path, "always" if kept_url.startswith("sqlite") else "never")
    database = await open_database(locate(kept_url), scripts=scripts)

    async def look(connection: AsyncConnection) -> tuple[dict[str, int], set[str], str]:
        def counted(sync: Connection) -> tuple[dict[str, int], set[str], str]:
            rows = {
                name: sync.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
                for name in metadata.tables
            }
            columns = {one["name"] for one in inspect(sync).get_columns("turn")}
            version = sync.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
            return rows, columns, version

        return await connection.run_sync(counted)

    rows, columns, version = await database.read(look)
    await database.close()
    assert rows == before
    assert version == "later"
    assert "kind" in columns
    assert "crisis" not in columns
    with pytest.raises(StoreError) as caught:
        await Store.open(kept_url)
    assert caught.value.fault is StoreFault.NEWER
    assert "newer version" in str(caught.value)


@pytest.mark.unit
async def test_a_copy_is_made_before_an_upgrade(tmp_path: Path) -> None:
    path, backups = tmp_path / "data" / "chat.db", tmp_path / "backups"
    url = f"sqlite:///{path}"
    before = await filled(url)
    database = await open_database(locate(url), backups, scripts=later(tmp_path))
    await database.close()
    [copy] = backups.iterdir()
    assert copy.name.startswith("chat.2")
    assert copy.name.endswith(f".revision-{HEAD}.db")
    assert copy.stat().st_mode & 0o777 == 0o600
    restored = await Store.open(f"sqlite:///{copy}")
    health = await restored.check(thorough=True)
    await restored.close()
    assert health.ok
    assert health.rows == before
    assert [one.name for one in path.parent.iterdir()] == ["chat.db"]


LOSING = "op.execute('DELETE FROM verdict')"
BREAKING = "op.execute(\"UPDATE reward SET reply_id = '00000000000000000000000000000000'\")"
FAILING = "op.execute('this is no SQL')"


@pytest.mark.unit
@pytest.mark.parametrize("more", [LOSING, BREAKING, FAILING], ids=["lost", "broken", "failed"])
async def test_an_upgrade_that_would_lose_rows_is_undone(tmp_path: Path, more: str) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'chat.db'}"
    if more is BREAKING:
        store = await Store.open(url)
        [turn] = await talk(store, (await begin(store)).id, 1)
        await store.save_reward(ANNA, turn.replies[0].id, REWARD)
        await store.close()
    else:
        await filled(url)
    with pytest.raises(StoreError):
        await open_database(locate(url), scripts=later(tmp_path, more=more))
    store = await Store.open(url)
    health = await store.check(thorough=True)
    await store.close()
    assert health.ok
    assert health.schema_version == HEAD
    assert health.rows["reward"] > 0


@pytest.mark.unit
async def test_two_programs_may_upgrade_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'chat.db'}"
    before = await filled(url)
    scripts = later(tmp_path)
    opened = await asyncio.gather(*(open_database(locate(url), scripts=scripts) for _ in range(4)))
    for database in opened:
        await database.close()
    copies = list((tmp_path / "data").glob(f"chat.*.revision-{HEAD}.db"))
    assert len(copies) == 1, "the one that came first made the copy"
    with sqlite3.connect(tmp_path / "data" / "chat.db") as connection:
        rows = connection.execute("SELECT count(*) FROM reply").fetchone()[0]
        assert rows == before["reply"]
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
