"""Who somebody is: an account that is logged in, or whoever holds an anonymous cookie.

Neither is ever Gradio's session, which the browser chooses itself.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from chat.accounts import Accounts
from chat.store.account_records import Account
from chat.traffic import FILES

COOKIE: Final = "perm_chat"
LOGIN_COOKIE: Final = "perm_chat_login"
YEAR: Final = 365 * 24 * 3600
TOKEN_CHARS: Final = 32

RATING: Final = "/rate"
"""Where a link is the right to it, and whoever has it is known by the anonymous cookie."""

WITHOUT_LOGIN: Final = ("/login", "/healthz", "/metrics")
"""Where nobody needs to be anybody: to log in, and for programs that watch whether all is well."""


@dataclass(frozen=True)
class Visitor:
    """Who asks. `account`: None for one who is not logged in. `fresh`: the value of a cookie to be
    given now.
    """

    owner: str
    account: Account | None = None
    fresh: str | None = None


NOBODY: Final = Visitor(owner="")
"""Owns nothing: the store takes no owner without a name."""


def visitor_of(request: Request) -> Visitor:
    """Who asks, as the gate found it."""
    visitor: Visitor = request.scope["state"]["visitor"]
    return visitor


def owner_of(request: Request) -> str:
    """Whose things are asked for."""
    return visitor_of(request).owner


def administers(request: Request) -> bool:
    """Whether an administrator asks."""
    account = visitor_of(request).account
    return account is not None and account.administrator


class Visitors:
    """`accounts`: those who may log in; None where nobody needs to."""

    def __init__(self, accounts: Accounts | None = None) -> None:
        self._accounts = accounts

    async def who(self, scope: Scope) -> Visitor | None:
        """Who asks; None: somebody who must log in first. May raise `StoreError`."""
        cookies, path = cookies_of(Headers(scope=scope)), str(scope["path"])
        if self._accounts is None:
            return _anonymous(cookies)
        if path.startswith(FILES):
            return NOBODY
        account = await self._accounts.known(cookies.get(LOGIN_COOKIE, ""))
        if account is not None:
            return Visitor(owner=account.owner, account=account)
        if path.startswith(f"{RATING}/"):
            return _anonymous(cookies)
        return NOBODY if path in WITHOUT_LOGIN else None


def cookies_of(headers: Headers) -> Mapping[str, str]:
    """The cookies that can be read; a jar that cannot is empty."""
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def set_cookie(name: str, value: str, lasts: int, *, secure: bool) -> str:
    """A header that gives a cookie which scripts and other sites cannot use; 0 takes it back."""
    parts = [f"{name}={value}", "Path=/", f"Max-Age={lasts}", "HttpOnly", "SameSite=Lax"]
    return "; ".join([*parts, "Secure"] if secure else parts)


def _anonymous(cookies: Mapping[str, str]) -> Visitor:
    """The cookie's digest owns: the store never holds what would let one in."""
    held = cookies.get(COOKIE, "")
    known = len(held) == TOKEN_CHARS and all(char in "0123456789abcdef" for char in held)
    token = held if known else secrets.token_hex(TOKEN_CHARS // 2)
    owner = hashlib.sha256(token.encode()).hexdigest()[:32]
    return Visitor(owner=owner, fresh=None if known else token)
