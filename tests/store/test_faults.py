"""Faults of the disk and of other programs: "not saved" at once, never a false "saved"."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.store import Store, StoreError, StoreFault, database
from chat.store.errors import WORDS
from perm.types import Part
from tests.conftest import Figures
from tests.store.samples import ANNA, SCORED, begin, say, talk
from tests.support.disks import ballast_of, fill, small_disk

__all__ = ["small_disk"]

pytestmark = pytest.mark.unit

LONG = "long " * 100_000


async def not_saved(store: Store, fault: StoreFault) -> str:
    """Nothing can be saved, everything can be read, and nothing has changed."""
    before = await store.conversations(ANNA)
    place = before[0].id
    path = await store.path(ANNA, place)
    for call in (
        store.add_turn(ANNA, place, LONG, None),
        store.save_verdict(ANNA, path[0].replies[0].id, SCORED.model_copy(update={"raw": LONG})),
    ):
        with pytest.raises(StoreError) as caught:
            await asyncio.wait_for(call, 20)
        assert caught.value.fault is fault
        assert caught.value.what.startswith("Not saved: ")
        assert caught.value.part is Part.STORE
        assert caught.value.todo
    assert await store.conversations(ANNA) == before
    assert await store.path(ANNA, place) == path
    return str(caught.value)


async def filled(path: Path) -> Store:
    store = await Store.open(f"sqlite:///{path}")
    await talk(store, (await begin(store)).id, 3)
    return store


async def test_a_full_database(tmp_path: Path) -> None:
    store = await filled(tmp_path / "chat.db")
    async with store._database.writer.connect() as connection:
        used = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count={used}")
    assert "disk is full" in await not_saved(store, StoreFault.DISK_FULL)
    async with store._database.writer.connect() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    await say(store, (await store.conversations(ANNA))[0].id, LONG)
    await store.close()


async def test_a_full_disk(small_disk: Path) -> None:
    store = await filled(small_disk / "chat.db")
    fill(small_disk)
    assert "disk is full" in await not_saved(store, StoreFault.DISK_FULL)
    health = await store.check(thorough=True)
    assert health.integrity == "ok"
    ballast_of(small_disk).unlink()
    place = (await store.conversations(ANNA))[0].id
    await say(store, place, "short again")
    await store.close()
    again = await Store.open(f"sqlite:///{small_disk / 'chat.db'}")
    assert [turn.message for turn in await again.path(ANNA, place)] == ["short again"]
    await again.close()


async def test_a_disk_too_full_to_begin(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(StoreError) as caught:
        await Store.open(f"sqlite:///{small_disk / 'chat.db'}")
    assert caught.value.fault is StoreFault.DISK_FULL
    assert [one.name for one in small_disk.iterdir()] == ["ballast"]


@pytest.fixture
def user_folder() -> Iterator[Path]:
    """A folder of a user without special rights, who this process is for the test's time."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        os.seteuid(nobody.pw_uid)
    yield folder
    if root:
        os.seteuid(0)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700)
    shutil.rmtree(folder)


async def test_a_read_only_file(figure: Figures, user_folder: Path) -> None:
    """It opens, for reading."""
    path = user_folder / "chat.db"
    await (await filled(path)).close()
    path.chmod(0o400)
    store = await Store.open(f"sqlite:///{path}")
    assert "read-only" in await not_saved(store, StoreFault.READ_ONLY)
    with pytest.raises(StoreError):
        await store.mark_interrupted()
    health = await store.check()
    assert not health.ok
    assert "read-only" in health.detail
    kept = len(await store.conversations(ANNA))
    await store.close()
    figure("faults.read-only", kept, "conversation read, and no write called saved")


async def test_no_permission(user_folder: Path) -> None:
    path = user_folder / "chat.db"
    await (await filled(path)).close()
    path.chmod(0)
    with pytest.raises(StoreError) as caught:
        await Store.open(f"sqlite:///{path}")
    assert caught.value.fault is StoreFault.NO_PERMISSION
    path.chmod(0o600)
    user_folder.chmod(0o500)
    for name in ("other.db", "new/folder/chat.db"):
        with pytest.raises(StoreError) as caught:
            await Store.open(f"sqlite:///{user_folder / name}")
        assert caught.value.fault is StoreFault.NO_PERMISSION
        assert "permission" in str(caught.value)
    with pytest.raises(StoreError) as caught:
        await Store.open(f"sqlite:///{path}")
    assert caught.value.fault is StoreFault.READ_ONLY
    assert "folder" in str(caught.value)


async def test_another_program_that_does_not_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database.PRAGMAS, "busy_timeout", 200)
    store = await filled(tmp_path / "chat.db")
    other = sqlite3.connect(tmp_path / "chat.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "another program" in await not_saved(store, StoreFault.BUSY)
    other.execute("ROLLBACK")
    other.close()
    await begin(store)
    await store.close()


async def test_damage_that_comes_later_is_said(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await filled(path)
    await store.close()
    store = await Store.open(f"sqlite:///{path}")
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        await store.conversations(ANNA)
    assert caught.value.fault is StoreFault.DAMAGED
    assert "backup copy" in caught.value.todo
    health = await store.check(thorough=True)
    assert not health.ok
    await store.close()


def test_there_are_words_for_every_fault() -> None:
    said_elsewhere = {
        StoreFault.NEWER,
        StoreFault.NOT_OURS,
        StoreFault.MISSING,
        StoreFault.CLOSED,
    }
    assert WORDS.keys() | said_elsewhere == set(StoreFault)
    assert all(what.endswith(".") and todo.endswith(".") for what, todo in WORDS.values())


async def test_an_error_is_logged_by_its_code_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await filled(tmp_path / "chat.db")
    async with store._database.writer.connect() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count=1")
    with caplog.at_level(logging.DEBUG, logger="chat"), pytest.raises(StoreError):
        await begin(store, title="canary " * 3000)
    assert "SQLITE_FULL" in caplog.text
    assert "canary" not in caplog.text
    await store.close()
