"""Accounts and logins in the store: on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chat.store import NotFound, Store, StoreError
from chat.store.account_records import Role
from tests.store.samples import begin

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


async def test_an_account_is_found_by_its_name_whatever_its_case(store: Store) -> None:
    made = await store.accounts.add("Ada", "hash", Role.PERSON, NOW)
    assert await store.accounts.by_name(" aDA ") == (made, "hash")
    assert await store.accounts.by_name("Bob") is None
    with pytest.raises(StoreError, match="of this name"):
        await store.accounts.add("ADA", "other", Role.ADMINISTRATOR, NOW)


async def test_a_login_is_known_until_it_runs_out_or_is_ended(store: Store) -> None:
    made = await store.accounts.add("Ada", "hash", Role.PERSON, NOW)
    for digest in ("one", "two", "three"):
        await store.accounts.begin(made.id, digest, NOW, LATER)
    assert await store.accounts.logged_in("one", NOW) == made
    assert await store.accounts.logged_in("one", LATER) is None
    assert await store.accounts.logged_in("four", NOW) is None
    await store.accounts.end("one")
    assert await store.accounts.logged_in("one", NOW) is None
    assert await store.accounts.logged_in("two", NOW) == made
    await store.accounts.end_all(made.id)
    assert await store.accounts.logged_in("two", NOW) is None


async def test_a_new_password_ends_every_login_and_a_new_hash_of_the_old_one_none(
    store: Store,
) -> None:
    made = await store.accounts.add("Ada", "old", Role.PERSON, NOW)
    await store.accounts.begin(made.id, "one", NOW, LATER)
    await store.accounts.rehash(made.id, "old", "better")
    assert await store.accounts.logged_in("one", NOW) == made
    await store.accounts.rehash(made.id, "old", "late")
    assert await store.accounts.by_name("ada") == (made, "better")
    await store.accounts.set_password("ADA", "new")
    assert await store.accounts.logged_in("one", NOW) is None
    with pytest.raises(NotFound):
        await store.accounts.set_password("Bob", "new")


async def test_a_name_given_again_is_another_owner(store: Store) -> None:
    first = await store.accounts.add("Ada", "hash", Role.PERSON, NOW)
    await store.accounts.begin(first.id, "one", NOW, LATER)
    await begin(store, owner=first.owner)
    assert (await store.accounts.remove("ada")).owner == first.owner
    assert await store.accounts.logged_in("one", NOW) is None
    second = await store.accounts.add("Ada", "hash", Role.ADMINISTRATOR, NOW)
    assert second.owner != first.owner
    [listed] = await store.accounts.listed(NOW)
    assert (listed.account, listed.logins, listed.conversations) == (second, 0, 0)
    with pytest.raises(NotFound):
        await store.accounts.remove("Bob")


async def test_the_list_counts_open_logins_and_conversations(store: Store) -> None:
    made = await store.accounts.add("Ada", "hash", Role.PERSON, NOW)
    await store.accounts.begin(made.id, "past", NOW - timedelta(days=9), NOW + timedelta(hours=1))
    await store.accounts.begin(made.id, "open", NOW, LATER)
    await begin(store, owner=made.owner)
    [listed] = await store.accounts.listed(NOW + timedelta(hours=2))
    assert (listed.logins, listed.conversations) == (1, 1)


@pytest.mark.unit
async def test_no_byte_of_a_removed_account_is_left(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    for name, secret in (("Ada", "canary-hash-1"), ("Bob", "canary-hash-2")):
        await store.accounts.add(name, secret, Role.PERSON, NOW)
    await store.accounts.remove("Ada")
    await store.accounts.set_password("Bob", "another")
    left = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert b"another" in left, "the test looks at the right files"
    assert b"canary-hash" not in left
    await store.close()
