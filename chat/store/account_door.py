"""The store's door to accounts: `Store.accounts`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from chat.store import accounts, purging
from chat.store.account_records import Account, AccountSummary, Role
from chat.store.database import Database


class AccountStore:
    """What holds for `Store` holds here. Names are one whatever their letters' case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, name: str, password_hash: str, role: Role, now: datetime) -> Account:
        """Raises `StoreError` where there is an account of this name."""
        return await self._database.write(accounts.add, name, password_hash, role, now)

    async def listed(self, now: datetime) -> list[AccountSummary]:
        return await self._database.read(accounts.listed, now)

    async def by_name(self, name: str) -> tuple[Account, str] | None:
        """The account and the hash of its password; None where there is none of this name."""
        return await self._database.read(accounts.by_name, name)

    async def set_password(self, name: str, password_hash: str) -> None:
        """Ends every login of the account. Raises `NotFound`."""
        await self._database.write(accounts.set_password, name, password_hash)
        await purging.purge(self._database)

    async def rehash(self, account_id: UUID, old: str, new: str) -> None:
        """The same password under a new hash, unless it was changed meanwhile."""
        await self._database.write(accounts.rehash, account_id, old, new)

    async def remove(self, name: str) -> Account:
        """Removes the account and its logins, down to the bytes in the files. Raises `NotFound`."""
        gone = await self._database.write(accounts.remove, name)
        await purging.purge(self._database)
        return gone

    async def begin(self, account_id: UUID, digest: str, now: datetime, expires: datetime) -> None:
        """A login, known by its cookie's digest."""
        await self._database.write(accounts.begin, account_id, digest, now, expires)

    async def logged_in(self, digest: str, now: datetime) -> Account | None:
        return await self._database.read(accounts.logged_in, digest, now)

    async def end(self, digest: str) -> None:
        """Ends one login; one that there is not is ended already."""
        await self._database.write(accounts.end, digest)

    async def end_all(self, account_id: UUID) -> None:
        """Ends every login of an account."""
        await self._database.write(accounts.end_all, account_id)
