"""Logging in and out. A cookie's token is random and kept nowhere; the store has its digest."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from chat.accounts.attempts import Attempts
from chat.accounts.passwords import Passwords, check_name, check_password
from chat.limits import Refused
from chat.store import Store
from chat.store.account_records import Account, AccountSummary, Role

LASTS: Final = timedelta(days=14)
"""How long a login lasts, whatever is done meanwhile."""

BYTES: Final = 32
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class LoginRefused(Refused):
    """Name and password do not belong together; which of the two is wrong is not said."""

    def __init__(self) -> None:
        super().__init__(
            "This name and this password do not belong together.",
            "Try again, or ask whoever runs this server for a new password.",
        )


class Accounts:
    """Every method may raise `StoreError`."""

    def __init__(self, store: Store, passwords: Passwords | None = None) -> None:
        self._store = store.accounts
        self._passwords = passwords or Passwords()
        self._attempts = Attempts()

    # For the administrator's commands

    async def add(self, name: str, password: str, role: Role) -> Account:
        kept = check_name(name)
        check_password(password)
        return await self._store.add(
            kept, await self._passwords.hashed(password), role, datetime.now(UTC)
        )

    async def listed(self) -> list[AccountSummary]:
        return await self._store.listed(datetime.now(UTC))

    async def set_password(self, name: str, password: str) -> None:
        """Ends every login of the account."""
        check_password(password)
        await self._store.set_password(name, await self._passwords.hashed(password))

    async def remove(self, name: str) -> Account:
        return await self._store.remove(name)

    # For the page

    async def log_in(self, name: str, password: str, address: str) -> str:
        """A new login's token. Raises `LoginRefused`, and `TooOften` for one who guesses."""
        await self._attempts.count(name, address)
        found = await self._store.by_name(name)
        known = found[1] if found else None
        if not await self._passwords.fits(password, known) or found is None:
            raise LoginRefused
        account, old = found
        if self._passwords.outdated(old):
            await self._store.rehash(account.id, old, await self._passwords.hashed(password))
        await self._attempts.succeeded(name, address)
        token, now = secrets.token_urlsafe(BYTES), datetime.now(UTC)
        await self._store.begin(account.id, _digest(token), now, now + LASTS)
        return token

    async def change_password(
        self, account: Account, password: str, wanted: str, address: str
    ) -> str:
        """The token of a new login, after every other has ended. Raises as `log_in` does."""
        check_password(wanted)
        await self.log_in(account.name, password, address)
        await self.set_password(account.name, wanted)
        return await self.log_in(account.name, wanted, address)

    async def known(self, token: str) -> Account | None:
        """Whose token it is, asked of the store each time: what was ended has ended."""
        if _FORM.fullmatch(token) is None:
            return None
        return await self._store.logged_in(_digest(token), datetime.now(UTC))

    async def log_out(self, token: str) -> None:
        await self._store.end(_digest(token))

    async def log_out_everywhere(self, account: Account) -> None:
        await self._store.end_all(account.id)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
