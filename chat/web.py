"""What stands between the network and the page: who somebody is, and what is not let through.

Plain ASGI, so that streams stay streams and a closed tab is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat import bodies
from chat.bodies import MAX_BODY
from chat.limits import TooOften
from chat.page_sessions import PageSessions
from chat.traffic import FILES, Traffic
from chat.visitors import (
    COOKIE,
    YEAR,
    Visitor,
    Visitors,
    administers,
    owner_of,
    set_cookie,
    visitor_of,
)
from perm.types import PermError

__all__ = [
    "COOKIE",
    "LOOPBACK",
    "MAX_BODY",
    "Gate",
    "Refusal",
    "administers",
    "owner_of",
    "visitor_of",
]

MAX_HEAD: Final = 32_768
"""Bytes of a request's headers."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

EVENTS: Final = "/gradio_api/"
USED: Final = tuple(
    EVENTS + name
    for name in (
        "queue/join",
        "queue/data",
        "cancel",
        "reset",
        "heartbeat/",
        "theme.css",
        "app_id",
    )
)
"""What the page uses of Gradio's own addresses. Files, uploads, proxying, its direct calls and its
tools for developers are among the others, and not there.
"""
FOR_SCRIPTS: Final = ("/api/", EVENTS, "/config")
"""What no browser opens as a page."""

HIDDEN: Final = (
    "/upload",
    "/file=",
    "/proxy=",
    "/monitoring",
    "/login/",
    "/openapi.json",
    "/pwa_icon",
)

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
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Page = Callable[[PermError], str]


class Refusal(PermError):
    """A request that is not let through. `wait`: seconds after which it may come again."""

    def __init__(self, status: int, what: str, todo: str, wait: int | None = None) -> None:
        super().__init__(what, todo)
        self.status, self.wait = status, wait


class Gate:
    """ASGI middleware: names who asks, refuses foreign origins, hosts, bulk and haste.

    `hosts`: the names this server answers to, or None for any (it listens to the network).
    `page`: a refusal as a page, for a browser that asks for one.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str] | None = LOOPBACK,
        visitors: Visitors | None = None,
        traffic: Traffic | None = None,
        page: Page | None = None,
    ) -> None:
        self._app = app
        self._hosts = None if hosts is None else frozenset(hosts)
        self._visitors = visitors or Visitors()
        self._traffic = traffic or Traffic(0)
        self._sessions = PageSessions()
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:  # this page uses no web sockets
                await send({"type": "websocket.close", "code": 1000})
            return
        headers = Headers(scope=scope)
        send = _guarded(send, scope)
        try:
            self._check(scope, headers)
            visitor = await self._admitted(scope)
            if visitor is None:
                await _to_login(scope, send)
                return
            body = await _body(headers, receive)
            if self._sessions.is_anothers(scope, body or b"", visitor.owner):
                raise Refusal(404, "There is nothing here.", "")
        except bodies.Gone:
            return
        except PermError as error:
            await self._refuse(scope, headers, send, error)
            return
        scope.setdefault("state", {})["visitor"] = visitor
        if visitor.fresh:
            send = _giving(send, visitor.fresh, secure=scope["scheme"] == "https")
        await self._app(scope, receive if body is None else bodies.again(body, receive), send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host, path = headers.get("host", ""), str(scope["path"])
        if len(headers.getlist("host")) > 1:
            raise Refusal(400, "The request names two servers.", "")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
            raise Refusal(431, "The request's head is too long.", "Clear this site's cookies.")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Refusal(403, "This address does not belong here.", "Use http://127.0.0.1.")
        if _is_foreign(scope, headers, host):
            raise Refusal(403, "Another site tried to use perm-chat.", "Open perm-chat itself.")
        if headers.get("content-length", "0").isdecimal() is False:
            raise Refusal(400, "The request's length is not a number.", "")
        if int(headers.get("content-length", "0")) > MAX_BODY:
            raise _too_long()
        if path.startswith(HIDDEN) or (path.startswith(EVENTS) and not path.startswith(USED)):
            raise Refusal(404, "There is nothing here.", "")

    async def _admitted(self, scope: Scope) -> Visitor | None:
        """Who asks, if they do not ask too often; None: they must log in first."""
        path, client = str(scope["path"]), scope.get("client")
        await self._traffic.from_address(client[0] if client else "", path)
        visitor = await self._visitors.who(scope)
        if visitor is not None and visitor.owner and not visitor.fresh:
            await self._traffic.from_person(visitor.owner, path)
        return visitor

    async def _refuse(self, scope: Scope, headers: Headers, send: Send, error: PermError) -> None:
        """As a page where a browser opens one, else as JSON; Gradio's page reads `detail`."""
        status, wait = _status(error)
        more = {"Retry-After": str(wait)} if wait else {}
        if self._page is not None and _opens_page(scope, headers):
            await _answer(send, status, self._page(error), "text/html; charset=utf-8", more)
            return
        told = {"part": error.part.value, "what": error.what, "todo": error.todo}
        body = {"error": told, "detail": f"{error.what} {error.todo}".strip()}
        await _answer(send, status, json.dumps(body), "application/json", more)


def _status(error: PermError) -> tuple[int, int | None]:
    if isinstance(error, Refusal):
        return error.status, error.wait
    if isinstance(error, TooOften):
        return 429, error.seconds
    return 503, None  # the store, which knows who is logged in


def _is_foreign(scope: Scope, headers: Headers, host: str) -> bool:
    """Whether another site asks, to change something or to read what is for scripts."""
    reads = scope["method"] in {"GET", "HEAD"}
    if reads and not str(scope["path"]).startswith("/api/"):
        return False
    origin = headers.get("origin")
    if origin and not reads and urlsplit(origin).netloc != host:
        return True
    return headers.get("sec-fetch-site") == "cross-site"


def _opens_page(scope: Scope, headers: Headers) -> bool:
    return "text/html" in headers.get("accept", "") and not str(scope["path"]).startswith("/api/")


def _too_long() -> Refusal:
    return Refusal(413, "That is too much at once.", f"Send at most {MAX_BODY:,} bytes.")


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _body(headers: Headers, receive: Receive) -> bytes | None:
    """The whole body; None where there is none."""
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return None
    try:
        return await bodies.whole(receive)
    except bodies.TooLong:
        raise _too_long() from None
    except bodies.TooSlow:
        raise Refusal(408, "The request did not arrive in time.", "Send it again.") from None


async def _to_login(scope: Scope, send: Send) -> None:
    """Whoever opens a page is led to log in, and back; scripts are told."""
    if scope["method"] in {"GET", "HEAD"} and not str(scope["path"]).startswith(FOR_SCRIPTS):
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = quote(str(scope["path"]) + (f"?{query}" if query else ""), safe="/")
        more = {"Location": f"/login?next={wanted}"}
        await _answer(send, 303, "", "text/plain", more)
        return
    what, todo = "You are not logged in.", "Log in at /login and try again."
    told = {"error": {"part": "input", "what": what, "todo": todo}, "detail": f"{what} {todo}"}
    await _answer(send, 401, json.dumps(told), "application/json", {})


def _guarded(send: Send, scope: Scope) -> Send:
    kept = str(scope["path"]).startswith(FILES)

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]  # the page is its own only client
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if not kept:  # nothing of a person stays in a browser that others use too
                headers.setdefault("cache-control", "no-store")
        await send(message)

    return guarded


def _giving(send: Send, token: str, *, secure: bool) -> Send:
    async def giving(message: Message) -> None:
        if message["type"] == "http.response.start":
            cookie = set_cookie(COOKIE, token, YEAR, secure=secure)
            MutableHeaders(scope=message).append("set-cookie", cookie)
        await send(message)

    return giving


async def _answer(send: Send, status: int, text: str, kind: str, more: dict[str, str]) -> None:
    body = text.encode()
    pairs = {"content-type": kind, "content-length": str(len(body)), **more}
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
