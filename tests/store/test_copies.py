"""Backup and restore: consistent, checked, private, and nothing that was there is lost."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from chat.cli import cli
from chat.settings import for_child
from chat.store import Store, StoreError, StoreFault, postgres_copies, sqlite_copies
from chat.store.backups import Copy, Restored
from chat.store.location import locate
from chat.store.opening import open_database
from tests.conftest import Figures
from tests.store.samples import ANNA, begin, say, talk
from tests.store.test_schema import filled, later

WHILE_COPIED = 10
"""Turns that must be written while copies are made: else the copying was not disturbed."""


def back_up(url: str, to: Path | None, folder: Path, **how: Any) -> Copy:
    place = locate(url)
    if place.path is not None:
        return sqlite_copies.back_up(place.path, to, folder, **how)
    return postgres_copies.back_up(place, to, folder, for_child(), **how)


def restore(copy: Path, url: str, folder: Path) -> Restored:
    place = locate(url)
    if place.path is not None:
        return sqlite_copies.restore(copy, place.path, folder)
    return postgres_copies.restore(copy, place, folder, for_child())


async def rows_of(url: str) -> dict[str, int]:
    store = await Store.open(url)
    health = await store.check(thorough=True)
    await store.close()
    assert health.ok
    return dict(health.rows)


async def test_what_was_backed_up_comes_back_and_what_was_there_is_kept(
    kept_url: str, tmp_path: Path, figure: Figures
) -> None:
    before = await filled(kept_url)
    copy = await asyncio.to_thread(back_up, kept_url, None, tmp_path / "copies")
    assert copy.rows == before
    assert copy.path.stat().st_mode & 0o777 == 0o600
    assert copy.path.parent == tmp_path / "copies"
    store = await Store.open(kept_url)
    for place in await store.conversations(ANNA):
        await store.delete_conversation(ANNA, place.id)
    await begin(store)
    await store.close()

    done = await asyncio.to_thread(restore, copy.path, kept_url, tmp_path / "copies")
    assert done.copy.rows == before
    back = await rows_of(kept_url)
    lost = sum(abs(before[name] - back[name]) for name in before)
    figure("operations.restore", lost, f"rows that differ of {sum(before.values())}")
    assert back == before
    assert done.aside is not None and ".replaced." in done.aside.name
    assert done.aside.stat().st_mode & 0o777 == 0o600

    again = await asyncio.to_thread(restore, done.aside, kept_url, tmp_path / "copies")
    assert again.copy.rows["conversation"] == 1 and again.copy.rows["turn"] == 0
    store = await Store.open(kept_url)
    await talk(store, (await begin(store)).id, 2)  # it can be written to
    assert (await store.check(thorough=True)).ok
    await store.close()


async def test_a_restore_into_nothing_makes_the_database(kept_url: str, tmp_path: Path) -> None:
    before = await filled(kept_url)
    copy = await asyncio.to_thread(back_up, kept_url, tmp_path / "copy", tmp_path)
    place = locate(kept_url)
    if place.path is None:
        pytest.skip("a PostgreSQL database is made by its owner")
    new = tmp_path / "elsewhere" / "new.db"
    done = await asyncio.to_thread(restore, copy.path, f"sqlite:///{new}", tmp_path)
    assert done.aside is None
    assert new.stat().st_mode & 0o777 == 0o600
    assert await rows_of(f"sqlite:///{new}") == before


async def test_nothing_is_restored_while_a_program_has_the_database_open(
    kept_url: str, tmp_path: Path
) -> None:
    before = await filled(kept_url)
    copy = await asyncio.to_thread(back_up, kept_url, tmp_path / "copy", tmp_path)
    store = await Store.open(kept_url)
    await begin(store)
    with pytest.raises(StoreError, match="open") as caught:
        await asyncio.to_thread(restore, copy.path, kept_url, tmp_path)
    assert caught.value.fault is StoreFault.BUSY
    await begin(store)  # it goes on
    await store.close()
    assert (await rows_of(kept_url))["conversation"] == before["conversation"] + 2


async def test_a_file_that_is_there_is_replaced_only_when_told(
    kept_url: str, tmp_path: Path
) -> None:
    before = await filled(kept_url)
    there = tmp_path / "there"
    there.write_text("something of somebody's")
    with pytest.raises(StoreError, match="is there already"):
        await asyncio.to_thread(back_up, kept_url, there, tmp_path)
    assert there.read_text() == "something of somebody's"
    copy = await asyncio.to_thread(back_up, kept_url, there, tmp_path, overwrite=True)
    assert copy.rows == before
    assert there.stat().st_mode & 0o777 == 0o600
    assert [one for one in tmp_path.iterdir() if one.name.startswith(".")] == []


@pytest.mark.parametrize("harm", ["cut", "garbage", "absent", "foreign"])
async def test_a_bad_copy_changes_nothing(kept_url: str, tmp_path: Path, harm: str) -> None:
    before = await filled(kept_url)
    copy = (await asyncio.to_thread(back_up, kept_url, tmp_path / "copy", tmp_path)).path
    if harm == "cut":
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    elif harm == "garbage":
        copy.write_bytes(b"no database at all" * 100)
    else:
        copy.unlink()
    if harm == "foreign":
        with contextlib.closing(sqlite3.connect(copy)) as other:
            other.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreError) as caught:
        await asyncio.to_thread(restore, copy, kept_url, tmp_path)
    assert "estored" in caught.value.what or "belongs to another" in caught.value.what
    assert await rows_of(kept_url) == before


@pytest.mark.unit
async def test_a_copy_made_while_somebody_writes_is_of_one_moment(
    tmp_path: Path, figure: Figures
) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'chat.db'}"
    await filled(url)
    store = await Store.open(url)
    place = await begin(store)
    written, done = 0, asyncio.Event()

    async def write() -> None:
        nonlocal written
        after = None
        while not done.is_set():
            _, reply = await say(store, place.id, "again", after)
            after, written = reply.id, written + 1

    writing, copies = asyncio.create_task(write()), list[Copy]()
    while written < WHILE_COPIED:
        to = tmp_path / f"{len(copies)}.db"
        copies.append(await asyncio.to_thread(back_up, url, to, tmp_path))
    done.set()
    await writing
    await store.close()
    turns = [copy.rows["turn"] for copy in copies]
    assert turns == sorted(turns) and turns[-1] <= 9 + written
    # A turn and its reply are two writes: at most one is under way.
    torn = sum(copy.rows["turn"] - copy.rows["reply"] not in (0, 1) for copy in copies)
    assert torn == 0
    for copy in copies:
        assert await rows_of(f"sqlite:///{copy.path}") == copy.rows
    figure("operations.backup", torn, f"of {len(copies)} copies torn, {written} turns written")


@pytest.mark.unit
async def test_another_process_that_has_it_open_is_noticed(tmp_path: Path, figure: Figures) -> None:
    url = f"sqlite:///{tmp_path / 'chat.db'}"
    await filled(url)
    copy = back_up(url, tmp_path / "copy.db", tmp_path)
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        " c.execute('SELECT count(*) FROM turn').fetchone(); print('open', flush=True); input()"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", code, str(tmp_path / "chat.db")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdout and await other.stdout.readline() == b"open\n"
    files = {path: path.read_bytes() for path in tmp_path.glob("chat.db")}
    with pytest.raises(StoreError, match="open"):
        await asyncio.to_thread(restore, copy.path, url, tmp_path)
    changed = [path for path, held in files.items() if path.read_bytes() != held]
    assert files and changed == []
    figure("operations.in-use", len(changed), "files changed by a restore under one that reads")
    await other.communicate(b"\n")
    assert (await asyncio.to_thread(restore, copy.path, url, tmp_path)).aside is not None


@pytest.mark.postgres
async def test_a_connection_that_just_ends_is_waited_for(
    ready_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an app's that was just stopped: the server holds it for a moment."""
    copy = await asyncio.to_thread(back_up, ready_postgres, None, tmp_path)
    address = locate(ready_postgres).url.render_as_string(hide_password=False)
    other = psycopg.connect(address.replace("+psycopg", ""))
    ended = threading.Timer(1.0, other.close)
    ended.start()
    done = await asyncio.to_thread(restore, copy.path, ready_postgres, tmp_path)
    ended.join()
    assert done.copy.rows == copy.rows
    monkeypatch.setattr(postgres_copies, "GRACE", 0.3)
    with (
        psycopg.connect(address.replace("+psycopg", "")),
        pytest.raises(StoreError, match="1 other connections"),
    ):
        await asyncio.to_thread(restore, copy.path, ready_postgres, tmp_path)


@pytest.mark.unit
async def test_a_damaged_database_is_set_aside_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "data" / "chat.db"
    url = f"sqlite:///{path}"
    before = await filled(url)
    copy = back_up(url, tmp_path / "copy.db", tmp_path)
    damaged = path.read_bytes()[:6000]
    path.write_bytes(damaged)
    with pytest.raises(StoreError):
        await Store.open(url)
    done = await asyncio.to_thread(restore, copy.path, url, tmp_path)
    assert done.aside is not None and done.aside.read_bytes() == damaged
    assert await rows_of(url) == before


@pytest.mark.unit
async def test_a_copy_of_an_older_version_is_upgraded_at_the_next_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'chat.db'}"
    before = await filled(url)
    copy = back_up(url, tmp_path / "copy.db", tmp_path)
    scripts = later(tmp_path)
    await (await open_database(locate(url), scripts=scripts)).close()
    with pytest.raises(StoreError) as caught:
        back_up(url, tmp_path / "newer.db", tmp_path)  # this program knows it not
    assert caught.value.fault is StoreFault.NEWER
    await asyncio.to_thread(restore, copy.path, url, tmp_path)
    database = await open_database(locate(url), scripts=scripts)
    await database.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "chat.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (
            "later",
        )
        found = connection.execute("SELECT count(*) FROM reply").fetchone()[0]
    assert found == before["reply"]


@pytest.mark.unit
async def test_a_copy_that_cannot_be_written_is_not_called_a_database_that_cannot_be_opened(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'chat.db'}"
    await filled(url)
    (tmp_path / "no folder").write_text("a file")
    with pytest.raises(StoreError, match="The copy was not made"):
        back_up(url, tmp_path / "no folder" / "copy.db", tmp_path)


@pytest.mark.unit
async def test_a_deletion_tells_of_the_copies_in_the_data_folder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'chat.db'}"
    await filled(url)
    copy = back_up(url, None, tmp_path)
    store = await Store.open(url, data_dir=tmp_path)
    place = (await store.conversations(ANNA))[0]
    told = await store.delete_conversation(ANNA, place.id)
    await store.close()
    assert told.copies == (str(copy.path),)


@pytest.mark.unit
async def test_without_postgresqls_programs_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place = locate("postgresql://somebody:secret-word@127.0.0.1:1/perm")
    with pytest.raises(StoreError, match="postgresql-client") as caught:
        postgres_copies.back_up(place, None, tmp_path, {})
    assert "secret-word" not in str(caught.value)


@pytest.mark.unit
def test_the_commands_speak_to_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    url = f"sqlite:///{data / 'perm-chat.db'}"
    nothing = CliRunner().invoke(cli, ["backup", "--data-dir", str(data)])
    assert nothing.exit_code == 1 and "no database" in nothing.output
    asyncio.run(filled(url))
    made = CliRunner().invoke(cli, ["backup", "copy.db", "--data-dir", str(data)])
    assert made.exit_code == 0, made.output
    assert "3 conversations, 9 turns, 9 verdicts" in made.output
    done = CliRunner().invoke(cli, ["restore", "copy.db", "--data-dir", str(data)])
    assert done.exit_code == 0, done.output
    assert "3 conversations, 9 turns" in done.output and ".replaced." in done.output
    assert "deleted" in done.output
