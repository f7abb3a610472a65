"""A hub on this machine that serves one small file, and breaks off where it is told to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chat.engines.catalogue import Entry, Hub

CONTENT = bytes(range(256)) * 40_000  # some 10 MB: several chunks
REVISION = "a" * 40


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class HubServer(ThreadingHTTPServer):
    """Serves one file as the hub does. `breaks`: bytes after which a download breaks, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.content = CONTENT
        self.told_size: int | None = None
        self.breaks: list[int] = []
        self.asked: list[tuple[str, str | None, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _HubHandler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append((self.command, asked, self.headers.get("Authorization")))
        content = self.server.content
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if body and asked else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(self.server.told_size or len(content) - start))
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{sha(content)}"')
        self.end_headers()
        if body:
            end = start + self.server.breaks.pop(0) if self.server.breaks else len(content)
            self.wfile.write(content[start:end])
            if end < len(content):
                self.close_connection = True


@pytest.fixture
def hub_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.shutdown()
    server.server_close()


def on_hub(content: bytes = CONTENT, **fields: Any) -> Entry:
    source = Hub(repo="org/model", file="m.gguf", revision=REVISION)
    known: dict[str, Any] = {
        "size": len(content),
        "sha256": sha(content),
        "engines": ("llama-cpp",),
        "file": "m.gguf",
    }
    return Entry(name="m", about="", source=source, **(known | fields))
