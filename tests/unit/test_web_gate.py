"""The gate: who somebody is, and what is not let through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from limits.aio.storage import memory
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from chat import bodies
from chat.limits import REMEMBERED, Limits
from chat.page_sessions import PageSessions, named
from chat.settings import Settings
from chat.traffic import Traffic
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


def client(hosts: frozenset[str] | None = LOOPBACK, **more: Any) -> httpx.AsyncClient:
    return of(Gate(echo, hosts=hosts, **more))


def of(gate: Gate, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=gate, client=(address, 123))
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
        answer = await visitor.get("/", headers={b"cookie": f"{COOKIE}={forged}".encode()})
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


async def test_too_much_without_a_length_is_refused_in_words() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000

    async with client() as visitor:
        answer = await visitor.post("/", content=endless())
    assert answer.status_code == 413
    assert answer.json()["error"]["todo"]


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies.whole, "__defaults__", (MAX_BODY, 0.01))
    never = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with client() as visitor:
        answer = await visitor.post("/", content=slow())
    assert answer.status_code == 408


async def test_somebody_who_hangs_up_in_the_middle_is_not_answered() -> None:
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-length", b"5")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "scheme": "http"}
    await Gate(echo)(scope, receive, send)
    assert sent == []


async def test_a_request_for_two_servers_or_with_a_long_head_is_refused() -> None:
    async with client() as visitor:
        two = httpx.Headers([("host", "127.0.0.1:7860"), ("host", "evil.test")])
        assert (await visitor.get("/", headers=two)).status_code == 400
        assert (await visitor.get("/", headers={"x": "a" * 40_000})).status_code == 431


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "0x10", "99999999999999"])
async def test_a_strange_length_is_refused(length: str) -> None:
    async with client() as visitor:
        answer = await visitor.post("/", headers={"content-length": length})
    assert answer.status_code in {400, 413}


async def test_another_site_reads_nothing_of_the_api_either() -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    async with client() as visitor:
        assert (await visitor.get("/api/export", headers=foreign)).status_code == 403
        assert (await visitor.post("/", headers=foreign)).status_code == 403
        assert (await visitor.get("/", headers=foreign)).status_code == 200, "a link may lead here"


@pytest.fixture
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No minute ends while a test counts."""
    monkeypatch.setattr(memory, "time", SimpleNamespace(time=lambda: 1_000_000.0))


@pytest.mark.usefixtures("_still")
async def test_one_who_asks_too_often_is_told_how_long_to_wait() -> None:
    async with client(traffic=Traffic(3)) as visitor:
        answers = [await visitor.get("/") for _ in range(6)]
        files = await visitor.get("/assets/index.js")
    assert [one.status_code for one in answers] == [200] * 4 + [429] * 2, "the first had no cookie"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 120
    assert answers[-1].json()["error"]["what"] and answers[-1].json()["detail"]
    assert files.status_code == 200


@pytest.mark.usefixtures("_still")
async def test_a_new_cookie_each_time_is_one_address_all_the_same() -> None:
    gate = Gate(echo, traffic=Traffic(2))

    async def once(address: str) -> int:
        async with of(gate, address) as visitor:
            return (await visitor.get("/")).status_code

    seen = [await once("203.0.113.9") for _ in range(21)]
    assert seen == [200] * 20 + [429]
    assert await once("198.51.100.1") == 200


@pytest.mark.usefixtures("_still")
async def test_a_browser_gets_a_refusal_as_a_page() -> None:
    gate = Gate(echo, traffic=Traffic(1), page=lambda error: f"<h1>{error.what}</h1>")
    async with of(gate) as visitor:
        await visitor.get("/")
        await visitor.get("/")
        page = await visitor.get("/", headers={"accept": "text/html"})
        data = await visitor.get("/api/x", headers={"accept": "text/html"})
    assert page.status_code == data.status_code == 429
    assert page.text.startswith("<h1>That was a lot")
    assert data.headers["content-type"] == "application/json"
    assert "default-src" in page.headers["content-security-policy"]


def test_turns_of_visitors_who_went_are_forgotten() -> None:
    """A visitor without a cookie is another one each time; the counts grew for ever."""
    limits = Limits(Settings())
    for number in range(REMEMBERED + 10):
        limits.count_turn(f"owner {number}")
    for begun in limits._begun.values():
        begun[-1] -= 61
    limits.count_turn("the last one")
    assert set(limits._begun) == {"the last one"}


# Whose page it is


async def test_a_page_belongs_to_whoever_opened_it() -> None:
    gate = Gate(echo)
    mine = json.dumps({"session_hash": "page"})
    async with of(gate) as ann, of(gate) as ben:
        assert (await ann.post("/gradio_api/queue/join", content=mine)).status_code == 200
        foreign = await ben.post("/gradio_api/queue/join", content=mine)
        assert foreign.status_code == 404
        assert (await ben.get("/gradio_api/queue/data?session_hash=page")).status_code == 404
        assert (await ben.get("/gradio_api/heartbeat/page")).status_code == 404
        assert (await ann.get("/gradio_api/queue/data?session_hash=page")).status_code == 200


@pytest.mark.parametrize("body", [b"[]", b"{", b"null", b"[" * 200_000, b'{"session_hash": null}'])
def test_a_body_that_names_no_page_is_about_none(body: bytes) -> None:
    assert named({"path": "/gradio_api/queue/join", "query_string": b""}, body) == set()


def test_the_oldest_pages_are_forgotten_first() -> None:
    pages = PageSessions(remembered=2)

    def anothers(page: str, owner: str) -> bool:
        scope = {"path": f"/gradio_api/heartbeat/{page}", "query_string": b""}
        return pages.is_anothers(scope, b"", owner)

    assert not any(anothers(page, "ann") for page in ("one", "two", "one", "three"))
    assert anothers("one", "ben")
    assert not anothers("two", "ben")
