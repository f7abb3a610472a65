"""Accounts and their logins. Hashes come in and go out; what a password is, nobody here knows."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import purging
from chat.store.account_records import Account, AccountSummary, Role
from chat.store.account_tables import account, login
from chat.store.errors import NotFound, StoreError, StoreFault
from chat.store.tables import conversation


def key_of(name: str) -> str:
    """What two spellings of one name have in common."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


async def add(
    connection: AsyncConnection, name: str, password_hash: str, role: Role, now: datetime
) -> Account:
    if await _row(connection, name) is not None:
        raise StoreError(
            StoreFault.NOT_ALLOWED, "There is an account of this name.", "Choose another name."
        )
    made = Account(id=uuid4(), name=name, role=role, created_at=now)
    values = made.model_dump() | {"name_key": key_of(name), "password_hash": password_hash}
    await connection.execute(insert(account).values(**values))
    return made


async def listed(connection: AsyncConnection, now: datetime) -> list[AccountSummary]:
    """All of them, by name."""
    open_now = (
        select(func.count())
        .where(login.c.account_id == account.c.id, login.c.expires_at > now)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(account, open_now.label("logins")).order_by(account.c.name_key)
    )
    told = select(conversation.c.owner, func.count().label("number")).group_by(conversation.c.owner)
    talks = {row.owner: row.number for row in (await connection.execute(told)).all()}
    found = []
    for row in rows.mappings():
        one = _account(row)
        talked = talks.get(one.owner, 0)
        found.append(AccountSummary(account=one, logins=row["logins"], conversations=talked))
    return found


async def by_name(connection: AsyncConnection, name: str) -> tuple[Account, str] | None:
    """The account, and the hash of its password."""
    row = await _row(connection, name)
    return None if row is None else (_account(row), row["password_hash"])


async def set_password(connection: AsyncConnection, name: str, password_hash: str) -> None:
    """A new password. Every login there is ends by it."""
    found = await _known(connection, name)
    await connection.execute(
        update(account).where(account.c.id == found.id).values(password_hash=password_hash)
    )
    await end_all(connection, found.id)
    await purging.note(connection)


async def rehash(connection: AsyncConnection, account_id: UUID, old: str, new: str) -> None:
    """The same password, hashed as it is done today; logins stay."""
    await connection.execute(
        update(account)
        .where(account.c.id == account_id, account.c.password_hash == old)
        .values(password_hash=new)
    )


async def remove(connection: AsyncConnection, name: str) -> Account:
    """The account and its logins go; what was said under it is another matter."""
    found = await _known(connection, name)
    await connection.execute(delete(account).where(account.c.id == found.id))
    await purging.note(connection)
    return found


async def begin(
    connection: AsyncConnection, account_id: UUID, digest: str, now: datetime, expires: datetime
) -> None:
    """A login; those that ran out are cleared away meanwhile."""
    await connection.execute(delete(login).where(login.c.expires_at <= now))
    values: dict[str, Any] = {"digest": digest, "account_id": account_id}
    await connection.execute(insert(login).values(**values, created_at=now, expires_at=expires))


async def logged_in(connection: AsyncConnection, digest: str, now: datetime) -> Account | None:
    """Whose login this is, if there is one that has not run out."""
    query = (
        select(account)
        .join(login, login.c.account_id == account.c.id)
        .where(login.c.digest == digest, login.c.expires_at > now)
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else _account(row)


async def end(connection: AsyncConnection, digest: str) -> None:
    await connection.execute(delete(login).where(login.c.digest == digest))


async def end_all(connection: AsyncConnection, account_id: UUID) -> None:
    await connection.execute(delete(login).where(login.c.account_id == account_id))


async def _known(connection: AsyncConnection, name: str) -> Account:
    row = await _row(connection, name)
    if row is None:
        raise NotFound("account")
    return _account(row)


async def _row(connection: AsyncConnection, name: str) -> RowMapping | None:
    query = select(account).where(account.c.name_key == key_of(name))
    return (await connection.execute(query)).mappings().first()


def _account(row: RowMapping) -> Account:
    return Account(
        id=row["id"], name=row["name"], role=Role(row["role"]), created_at=row["created_at"]
    )
