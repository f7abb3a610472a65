"""Opening: what is not there is made whole, and what is damaged is left alone, byte for byte."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from chat.store import Store, StoreError, StoreFault
from chat.store.location import locate
from tests.store.samples import ANNA, begin, talk
from tests.support.damage import DAMAGE, cut, made

pytestmark = pytest.mark.unit


def url(path: Path) -> str:
    return f"sqlite:///{path}"


async def test_a_new_database_is_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "somewhere" / "new" / "chat.db"
    store = await Store.open(url(path))
    await begin(store)
    modes = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    assert set(modes) == {"chat.db", "chat.db-wal", "chat.db-shm"}
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    await store.close()
    assert [one.name for one in path.parent.iterdir()] == ["chat.db"], "closed, it is one file"


async def test_how_connections_are_set_up(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path / "chat.db"))
    for engine in (store._database.writer, store._database.reader):
        async with engine.connect() as connection:
            found = {
                name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
                for name in (
                    "journal_mode",
                    "synchronous",
                    "foreign_keys",
                    "busy_timeout",
                    "secure_delete",
                )
            }
        assert found == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "busy_timeout": 30_000,
            "secure_delete": 1,
        }
    await store.close()


async def test_reading_goes_on_while_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(url(path))
    await begin(store)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(begin(store))
    assert len(await asyncio.wait_for(store.conversations(ANNA), 10)) == 1
    assert not writing.done()
    other.execute("COMMIT")
    other.close()
    await writing
    assert len(await store.conversations(ANNA)) == 2
    await store.close()


async def test_several_programs_may_start_at_once_with_nothing_there(tmp_path: Path) -> None:
    path = tmp_path / "data" / "chat.db"
    stores = await asyncio.gather(*(Store.open(url(path)) for _ in range(6)))
    for store in stores:
        await begin(store)
    assert len(await stores[0].conversations(ANNA)) == 6
    for store in stores:
        await store.close()
    assert [one.name for one in path.parent.iterdir()] == ["chat.db"]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "chat.db"
    data = DAMAGE[damage](await made(path))
    path.write_bytes(data)
    before = path.stat()
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            await Store.open(url(path))
        assert caught.value.fault is StoreFault.DAMAGED
        assert "backup copy" in caught.value.todo
        assert str(path) in caught.value.what
    assert path.read_bytes() == data
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


async def test_what_was_put_back_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    sound = await made(path)
    path.write_bytes(cut(sound, 0.5))
    with pytest.raises(StoreError):
        await Store.open(url(path))
    path.write_bytes(sound)
    store = await Store.open(url(path))
    assert (await store.check(thorough=True)).ok
    assert len(await store.conversations(ANNA)) == 3
    await store.close()


async def test_a_log_without_its_database_is_not_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(url(path))
    await begin(store)
    path.rename(tmp_path / "moved.db")
    log = tmp_path / "chat.db-wal"
    data = log.read_bytes()
    with pytest.raises(StoreError) as caught:
        await Store.open(url(path))
    assert "log" in str(caught.value)
    assert log.read_bytes() == data
    assert not path.exists()
    (tmp_path / "moved.db").rename(path)
    await store.close()


async def test_a_log_from_a_crash_is_taken_in(tmp_path: Path) -> None:
    """Copying the files of an open database is what a crash leaves behind."""
    store = await Store.open(url(tmp_path / "chat.db"))
    place = await begin(store)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("chat.db", "chat.db-wal"):
        shutil.copy(tmp_path / name, crashed / name)
    await store.close()
    again = await Store.open(url(crashed / "chat.db"))
    assert (await again.conversation(ANNA, place.id)).id == place.id
    await again.close()


async def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photograph (id INTEGER)")
    connection.close()
    data = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        await Store.open(url(path))
    assert caught.value.fault is StoreFault.NOT_OURS
    assert path.read_bytes() == data


async def test_a_database_without_tables_becomes_ours(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE gone (id INTEGER)")
        connection.execute("DROP TABLE gone")
    connection.close()
    store = await Store.open(url(path))
    assert (await store.check()).ok
    await store.close()


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "chat.db").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        await Store.open(url(tmp_path / "chat.db"))


@pytest.mark.parametrize(
    "wrong",
    ["", "chat.db", "mysql://root:secret@host/x", "sqlite:///file:x?uri=true", "a://b:c@:d"],
)
def test_other_urls_are_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(StoreError) as caught:
        locate(wrong)
    assert "sqlite:///" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        ("sqlite://", "memory"),
        ("sqlite:///:memory:", "memory"),
        ("sqlite:///a b/100%/ü.db", f"{Path.cwd()}/a b/100%/ü.db"),
        ("postgres://me:secret@server/chats", "chats on server"),
        ("postgresql+asyncpg://server/chats", "chats on server"),
    ],
)
def test_how_a_place_is_named(given: str, drawn: str) -> None:
    assert str(locate(given)) == drawn


async def test_a_path_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "a b#c" / "100% 'ü' [1].db"
    for _ in range(2):
        store = await Store.open(url(path))
        await begin(store)
        await store.close()
    assert path.exists()


async def test_no_server_is_said_in_words() -> None:
    with pytest.raises(StoreError) as caught:
        await Store.open("postgresql://me:secret@127.0.0.1:1/chats")
    assert caught.value.fault is StoreFault.UNREACHABLE
    assert "secret" not in str(caught.value)


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path / "chat.db"))
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await begin(store)
    assert not (await store.check()).ok


async def test_memory_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = await Store.open("sqlite:///:memory:")
    await talk(store, (await begin(store)).id, 5)
    assert list(tmp_path.iterdir()) == []
    assert not [one for one in Path("/proc/self/fd").iterdir() if ":memory:" in _target(one)]
    await store.close()


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""
