"""The gate: who somebody is, and what is not let through."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from chat.web import COOKIE, LOOPBACK, MAX_BODY, Gate, owner_of

pytestmark = pytest.mark.unit


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says who asked; reflects any origin, as a careless inner app would."""
    request = Request(scope, receive)
    await request.body()
    response = JSONResponse(
        {"owner": owner_of(request)}, headers={"access-control-allow-origin": "https://evil.test"}
    )
    await response(scope, receive, send)


def client(hosts: frozenset[str] | None = LOOPBACK) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=Gate(echo, hosts=hosts))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860")


async def test_a_visitor_is_known_again_by_a_cookie_that_scripts_cannot_read() -> None:
    async with client() as visitor:
        first = await visitor.get("/")
        again = await visitor.get("/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert first.json() == again.json()
    assert "set-cookie" not in again.headers


async def test_the_owner_is_not_the_cookie() -> None:
    async with client() as visitor:
        owner = (await visitor.get("/")).json()["owner"]
        token = visitor.cookies[COOKIE]
    assert token not in owner and owner not in token


async def test_two_visitors_are_two_owners() -> None:
    async with client() as one, client() as two:
        assert (await one.get("/")).json() != (await two.get("/")).json()


@pytest.mark.parametrize("forged", ["", "x", "a" * 31, "A" * 32, "../../../../etc/passwd", "ä" * 8])
async def test_a_forged_cookie_is_nobody(forged: str) -> None:
    async with client() as visitor:
        answer = await visitor.get("/", headers={"cookie": f"{COOKIE}={forged}".encode()})
    assert "set-cookie" in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.test", "http://127.0.0.1:9999", "null"])
async def test_a_foreign_origin_may_not_post(origin: str) -> None:
    async with client() as visitor:
        answer = await visitor.post("/", headers={"origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"]["what"]


async def test_the_own_origin_may_post() -> None:
    async with client() as visitor:
        answer = await visitor.post("/", headers={"origin": "http://127.0.0.1:7860"})
    assert answer.status_code == 200


async def test_no_cors_header_gets_out() -> None:
    async with client() as visitor:
        answer = await visitor.get("/", headers={"origin": "https://evil.test"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_another_host_name_is_refused_on_loopback_and_taken_in_public() -> None:
    rebound = {"host": "evil.test"}
    async with client() as visitor:
        assert (await visitor.get("/", headers=rebound)).status_code == 403
    async with client(hosts=None) as visitor:
        assert (await visitor.get("/", headers=rebound)).status_code == 200


async def test_too_much_is_refused_by_its_length_before_it_is_read() -> None:
    async with client() as visitor:
        answer = await visitor.post("/", content=b"x" * (MAX_BODY + 1))
    assert answer.status_code == 413


async def test_too_much_without_a_length_is_cut() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 100_000 + 2):
            yield b"x" * 100_000

    read = 0

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal read
        while (message := await receive())["type"] == "http.request":
            read += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await Response("", status_code=400)(scope, receive, send)

    transport = httpx.ASGITransport(app=Gate(count))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as visitor:
        await visitor.post("/", content=endless())
    assert read <= MAX_BODY


@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/file=/etc/passwd", "/file=x"])
async def test_routes_that_the_page_does_not_use_are_not_there(path: str) -> None:
    async with client() as visitor:
        assert (await visitor.get(path)).status_code == 404


async def test_every_answer_carries_a_policy_that_names_no_other_host() -> None:
    async with client() as visitor:
        policy = (await visitor.get("/")).headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy
