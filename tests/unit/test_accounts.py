"""Accounts: passwords as hashes, logins that can be ended, guessing that is slowed down."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.accounts import Accounts, LoginRefused, check_name, check_password
from chat.accounts.passwords import Passwords
from chat.limits import Refused, TooOften
from chat.store import Store
from chat.store.account_records import Role

pytestmark = pytest.mark.unit

PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store, Passwords(QUICK))


async def test_a_login_leads_to_its_account_until_it_is_ended(accounts: Accounts) -> None:
    made = await accounts.add(" Ada ", PASSWORD, Role.PERSON)
    assert made.name == "Ada"
    token = await accounts.log_in("ada", PASSWORD, "::1")
    other = await accounts.log_in("ada", PASSWORD, "::1")
    assert await accounts.known(token) == made
    await accounts.log_out(token)
    assert await accounts.known(token) is None
    assert await accounts.known(other) == made
    await accounts.log_out_everywhere(made)
    assert await accounts.known(other) is None


async def test_the_store_has_neither_password_nor_cookie(accounts: Accounts, store: Store) -> None:
    await accounts.add("Ada", PASSWORD, Role.PERSON)
    token = await accounts.log_in("Ada", PASSWORD, "::1")

    async def everything(connection: AsyncConnection) -> str:
        rows = [
            await connection.exec_driver_sql(f"SELECT * FROM {table}")
            for table in ("account", "login")
        ]
        return repr([row.all() for row in rows])

    kept = await store._database.read(everything)
    assert "$argon2id$" in kept
    assert PASSWORD not in kept and token not in kept


async def test_a_token_has_at_least_128_random_bits(accounts: Accounts) -> None:
    await accounts.add("Ada", PASSWORD, Role.PERSON)
    tokens = {await accounts.log_in("Ada", PASSWORD, "::1") for _ in range(4)}
    assert len(tokens) == 4
    assert all(len(token) * 6 >= 128 for token in tokens)


@pytest.mark.parametrize("token", ["", "x", "a" * 43 + "=", "ä" * 43, "../" * 20])
async def test_what_is_no_token_is_nobody(accounts: Accounts, token: str) -> None:
    assert await accounts.known(token) is None


@pytest.mark.parametrize(("name", "password"), [("Ada", "wrong"), ("Bob", PASSWORD), ("", "")])
async def test_a_wrong_name_and_a_wrong_password_get_one_answer(
    accounts: Accounts, name: str, password: str
) -> None:
    await accounts.add("Ada", PASSWORD, Role.PERSON)
    with pytest.raises(LoginRefused) as refused:
        await accounts.log_in(name, password, "::1")
    assert str(refused.value) == str(LoginRefused())


async def test_an_unknown_name_is_hashed_for_all_the_same(store: Store) -> None:
    """Else the time of the answer would tell who has an account."""
    counted: list[str] = []

    class Counting(Passwords):
        def _verified(self, known: str, password: str) -> bool:
            counted.append(known)
            return super()._verified(known, password)

    accounts = Accounts(store, Counting(QUICK))
    await accounts.add("Ada", PASSWORD, Role.PERSON)
    for name in ("Ada", "Bob"):
        with pytest.raises(LoginRefused):
            await accounts.log_in(name, "wrong", "::1")
    assert len(counted) == 2
    assert all(known.startswith("$argon2id$") for known in counted)


async def test_a_hash_no_password_can_be_of_lets_nobody_in(store: Store) -> None:
    assert not await Passwords(QUICK).fits("anything", "not a hash")
    assert not await Passwords(QUICK).fits("x" * 100_000, QUICK.hash("x"))


async def test_guessing_is_slowed_down_and_locks_nobody_else_out(accounts: Accounts) -> None:
    await accounts.add("Ada", PASSWORD, Role.PERSON)
    for _ in range(5):
        with pytest.raises(LoginRefused):
            await accounts.log_in("Ada", "wrong", "203.0.113.9")
    with pytest.raises(TooOften) as waiting:
        await accounts.log_in("ADA", PASSWORD, "203.0.113.9")
    assert 0 < waiting.value.seconds <= 300
    assert await accounts.log_in("Ada", PASSWORD, "198.51.100.1"), "the person comes from elsewhere"


async def test_one_address_cannot_try_many_names(accounts: Accounts) -> None:
    refused = 0
    for number in range(31):
        try:
            await accounts.log_in(f"name {number}", "wrong", "203.0.113.9")
        except TooOften:
            refused += 1
        except LoginRefused:
            pass
    assert refused == 1


async def test_many_addresses_cannot_try_one_name_for_ever(accounts: Accounts) -> None:
    await accounts.add("Ada", PASSWORD, Role.PERSON)
    outcomes = set()
    for number in range(101):
        try:
            await accounts.log_in("Ada", "wrong", f"203.0.113.{number}")
        except Refused as error:
            outcomes.add(type(error))
    assert outcomes == {LoginRefused, TooOften}


async def test_whoever_got_in_may_mistype_again(accounts: Accounts) -> None:
    await accounts.add("Ada", PASSWORD, Role.PERSON)
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(LoginRefused):
                await accounts.log_in("Ada", "wrong", "::1")
        await accounts.log_in("Ada", PASSWORD, "::1")


async def test_a_password_is_hashed_anew_when_hashing_has_become_better(store: Store) -> None:
    await Accounts(store, Passwords(QUICK)).add("Ada", PASSWORD, Role.PERSON)
    found = await store.accounts.by_name("Ada")
    better = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    token = await Accounts(store, Passwords(better)).log_in("Ada", PASSWORD, "::1")
    again = await store.accounts.by_name("Ada")
    assert found is not None and again is not None
    assert found[1] != again[1] and "t=2" in again[1]
    assert await Accounts(store, Passwords(better)).log_in("Ada", PASSWORD, "::1") != token


def test_the_shipped_hash_is_as_slow_as_its_library_advises() -> None:
    shipped, advised = Passwords()._hasher, PasswordHasher()
    assert (shipped.time_cost, shipped.memory_cost) >= (advised.time_cost, advised.memory_cost)


@pytest.mark.parametrize("password", ["", "short", "x" * 1001])
def test_what_is_too_short_or_too_long_is_no_password(password: str) -> None:
    with pytest.raises(Refused):
        check_password(password)


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "\x00", "x" * 101, "a\u202eb"])
def test_what_cannot_be_read_is_no_name(name: str) -> None:
    with pytest.raises(Refused):
        check_name(name)
