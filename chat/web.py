"""What stands between the network and the page: who somebody is, and what is not let through.

Plain ASGI, so that streams stay streams and a closed tab is noticed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "perm_chat"
YEAR: Final = 365 * 24 * 3600
TOKEN_CHARS: Final = 32
MAX_BODY: Final = 2_000_000
"""Bytes of one request: a long message many times over, and no more."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

HIDDEN: Final = (
    "/gradio_api/upload",
    "/upload",
    "/gradio_api/file=",
    "/file=",
    "/gradio_api/proxy=",
)
"""Routes of Gradio that this page does not use: uploads, files, proxying."""

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio's own page needs both
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def owner_of(request: Request) -> str:
    """Who asks. The cookie's digest: the store never holds what would let one in."""
    return str(request.scope["state"]["owner"])


class Refusal(Exception):
    """A request that is not let through."""

    def __init__(self, status: int, what: str, todo: str) -> None:
        super().__init__(what)
        self.status, self.what, self.todo = status, what, todo


class Gate:
    """ASGI middleware: names the owner by a cookie, refuses foreign origins, hosts and bulk.

    `hosts`: the names this server answers to, or None for any (it listens to the network).
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] | None = LOOPBACK) -> None:
        self._app = app
        self._hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # this page uses no web sockets
        headers = Headers(scope=scope)
        try:
            self._check(scope, headers)
        except Refusal as refusal:
            await _refuse(send, refusal)
            return
        token, fresh = _token(headers)
        scope.setdefault("state", {})["owner"] = hashlib.sha256(token.encode()).hexdigest()[:32]
        cookie = _cookie(token, secure=scope["scheme"] == "https") if fresh else None
        await self._app(scope, _limited(receive), _guarded(send, cookie))

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Refusal(403, "This address does not belong here.", "Use http://127.0.0.1.")
        origin = headers.get("origin")
        if origin and scope["method"] not in {"GET", "HEAD"} and urlsplit(origin).netloc != host:
            raise Refusal(403, "Another site tried to use perm-chat.", "Open perm-chat itself.")
        if headers.get("content-length", "0").isdecimal() is False:
            raise Refusal(400, "The request's length is not a number.", "")
        if int(headers.get("content-length", "0")) > MAX_BODY:
            raise Refusal(413, "That is too much at once.", f"Send at most {MAX_BODY:,} bytes.")
        if scope["path"].startswith(HIDDEN):
            raise Refusal(404, "There is nothing here.", "")


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _token(headers: Headers) -> tuple[str, bool]:
    """The visitor's token, and whether it was made just now."""
    jar = SimpleCookie(headers.get("cookie", ""))
    held = jar[COOKIE].value if COOKIE in jar else ""
    if len(held) == TOKEN_CHARS and all(char in "0123456789abcdef" for char in held):
        return held, False
    return secrets.token_hex(TOKEN_CHARS // 2), True


def _cookie(token: str, *, secure: bool) -> str:
    parts = [f"{COOKIE}={token}", "Path=/", f"Max-Age={YEAR}", "HttpOnly", "SameSite=Lax"]
    return "; ".join([*parts, "Secure"] if secure else parts)


def _limited(receive: Receive) -> Receive:
    """Count what comes without a length of its own."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            return {"type": "http.disconnect"}
        return message

    return limited


def _guarded(send: Send, cookie: str | None) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]  # the page is its own only client
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if cookie:
                headers.append("set-cookie", cookie)
        await send(message)

    return guarded


async def _refuse(send: Send, refusal: Refusal) -> None:
    error = {"part": "input", "what": refusal.what, "todo": refusal.todo}
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
