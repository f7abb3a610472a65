"""What the network may send: foreign sites, paths that lead elsewhere, bulk. A real server, raw."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from chat.web import MAX_BODY, SECURITY_HEADERS
from tests.conftest import Figures
from tests.security.world import World, leaves, world_in
from tests.support.app import App, running_app

pytestmark = pytest.mark.security

SQLITE: Final = b"SQLite format 3"
EVIL: Final = {"origin": "https://evil.test"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as made:
        yield made


def asked(world: World, *methods: str) -> list[tuple[str, str]]:
    return [
        (method, re.sub(r"\{[^}]*\}", "x", path))
        for method, path in sorted(set(leaves(world.app.routes)))
        if method in methods
    ]


async def test_no_foreign_site_changes_anything_by_any_route(world: World, figure: Figures) -> None:
    writing = asked(world, "POST", "PUT", "PATCH", "DELETE")
    assert len(writing) > 20
    async with world.visitor() as client:
        for method, path in writing:
            for headers in (EVIL, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
                answer = await client.request(method, path, headers=headers)
                assert answer.status_code == 403, (method, path, headers)
    figure("security.origin", len(writing), "routes, each refused thrice")


async def test_no_route_lets_a_foreign_site_read(world: World) -> None:
    async with world.visitor() as client:
        for method, path in asked(world, "GET"):
            if "queue/data" in path or "heartbeat" in path:
                continue  # streams, and the same gate
            for how in (method, "OPTIONS"):
                ask = {**EVIL, "access-control-request-method": "POST"}
                answer = await client.request(how, path, headers=ask)
                shown = [name for name in answer.headers if name.startswith("access-control-")]
                assert shown == [], (how, path)


async def test_every_answer_carries_the_policy(world: World) -> None:
    async with world.visitor() as client:
        for method, path in asked(world, "GET", "POST"):
            if "queue/data" in path or "heartbeat" in path:
                continue
            answer = await client.request(method, path)
            for name in SECURITY_HEADERS:
                assert name in answer.headers, (method, path, name)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("requests")
    (home / "tmp").mkdir()
    patch = pytest.MonkeyPatch()
    patch.setenv("TMPDIR", str(home / "tmp"))
    with running_app(home) as running:
        patch.undo()
        yield running


def raw(app: App, target: str, method: str = "GET", head: str = "", body: bytes = b"") -> bytes:
    """The bytes that the server answers to exactly this; no client tidies the path up."""
    place = urlsplit(app.url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        ends = "" if "Upgrade" in head else "Connection: close\r\n"
        first = f"{method} {target} HTTP/1.1\r\nHost: {place.netloc}\r\n{ends}{head}"
        connection.sendall(first.encode("latin-1") + b"\r\n" + body)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


PREFIXES: Final = (
    "/gradio_api/file=", "/gradio_api/file/", "/file=", "/file/", "/gradio_api/%66ile=",
    "//gradio_api/file=", "/./gradio_api/file=", "/gradio_api//file=", "/gradio_api/./file=",
    "/gradio_api/queue/join/../../file=", "/gradio_api/cancel/../file=", "/GRADIO_API/file=",
    "/gradio_api/queue/data/..%2f..%2ffile=", "/gradio_api/proxy=file://", "/proxy=file://",
    "/static/", "/static/../", "/static/..%2f", "/static/%2e%2e%2f%2e%2e%2f", "/static//",
    "/static/..\\..\\", "/static/..%5c..%5c", "/static/%252e%252e%252f", "/assets/",
    "/assets/..%2f",
    "/assets//", "/assets/%2e%2e/%2e%2e/", "/svelte/", "/svelte/..%2f..%2f", "/svelte//",
    "/theme.css/..%2f", "/rate/..%2f", "/gradio_api/custom_component/x/client/component/..%2f",
    "/gradio_api/heartbeat/..%2f..%2ffile=", "/history/..%2f", "/gradio_api/stream/x/",
)  # fmt: skip
UP: Final = ("", "../" * 12, "..%2f" * 12, "%2e%2e/" * 12)


def test_no_path_leads_to_a_file_that_is_not_the_pages(app: App, figure: Figures) -> None:
    seen: list[bytes] = []
    for wanted in ("/etc/passwd", str(app.database), str(app.log)):
        for prefix in PREFIXES:
            for up in UP:
                for tail in ("", "%00.css"):
                    answer = raw(app, f"{prefix}{up}{wanted}{tail}")
                    seen.append(answer[9:12])
                    assert b"root:x:" not in answer and SQLITE not in answer, (prefix, up, wanted)
    assert b"200" not in seen, seen
    assert app.database.read_bytes().startswith(SQLITE), "there was something to be found"
    figure("security.paths", len(seen), "paths, 0 files")


def test_an_upload_is_not_taken_and_leaves_nothing(app: App) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.html"\r\n\r\nhi\r\n--b--'
    )
    head = f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(form)}\r\n"
    for path in ("/gradio_api/upload", "/upload", "/gradio_api/upload?upload_id=x",
                 "/gradio_api/process_recording", "/gradio_api/component_server"):  # fmt: skip
        assert raw(app, path, "POST", head, form).split(b"\r\n")[0].endswith(b"404 Not Found")
    assert [one for one in (app.log.parent / "tmp").rglob("*") if one.is_file()] == []


def test_bulk_is_refused_before_it_is_sent(app: App) -> None:
    answer = raw(app, "/api/turns", "POST", f"Content-Length: {MAX_BODY + 1}\r\n")
    assert b" 413 " in answer[:20]
    assert b'"todo"' in answer
    sent = b"".join(b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000) for _ in range(20))
    answer = raw(app, "/api/turns", "POST", "Transfer-Encoding: chunked\r\n", sent + b"1\r\nx\r\n")
    assert b" 413 " in answer[:20]


@pytest.mark.parametrize(
    ("method", "target", "head"),
    [
        ("GET", "/" + "a" * 70_000, ""),
        ("GET", "/", "X: " + "a" * 70_000 + "\r\n"),
        ("POST", "/api/turns", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        ("POST", "/api/turns", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("GET", "http://evil.test/", "Host: evil.test\r\n"),
        ("GET", "/", "Host: evil.test\r\n"),
        ("TRACE", "/", ""),
        (
            "GET",
            "/",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ),
    ],
)
def test_what_is_malformed_gets_a_refusal(app: App, method: str, target: str, head: str) -> None:
    status = raw(app, target, method, head)[9:12]
    assert status[:1] == b"4" or status in {b"501"}, status
    assert app.running
