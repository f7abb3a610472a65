"""A page without a browser: it opens, sends messages and takes frames as Gradio's page does.

Gradio's queue over HTTP (sse_v3): an event is joined by a POST, its messages come on one stream a
page, which ends when nothing is under way. Frames come as differences; nothing is drawn.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

API: Final = "/gradio_api"
PATIENCE: Final = 120.0

Seen = Callable[[bytes], None]
"""Told what arrives, as it arrives."""


class PageError(Exception):
    """The page did not do what a page does."""


@dataclass(frozen=True)
class Layout:
    """From the page's own description: which handler is which, and what it fills."""

    handlers: dict[str, dict[str, Any]]
    names: dict[int, str]  # components by number

    @classmethod
    def of(cls, config: dict[str, Any]) -> Self:
        return cls(
            handlers={str(one["api_name"]): one for one in config["dependencies"]},
            names={one["id"]: one["props"].get("elem_id") or "" for one in config["components"]},
        )

    def inputs(self, handler: str) -> list[str]:
        return [self.names[number] for number in self.handlers[handler]["inputs"]]

    def place(self, handler: str, component: str) -> int:
        """Where in the handler's answer that component's value stands."""
        outputs = [self.names[number] for number in self.handlers[handler]["outputs"]]
        return outputs.index(component)


class PageClient:
    """One tab of one visitor."""

    def __init__(self, http: httpx.AsyncClient, layout: Layout) -> None:
        self._http, self._layout = http, layout
        self._session = secrets.token_hex(6)
        self._ticket: object = ""

    @classmethod
    async def open(cls, base_url: str) -> Self:
        """As a visitor who has never been here."""
        http = httpx.AsyncClient(base_url=base_url, timeout=PATIENCE, trust_env=False)
        (await http.get("/")).raise_for_status()  # the cookie that names the visitor
        config = (await http.get("/config")).raise_for_status().json()
        page = cls(http, Layout.of(config))
        await page._finish("load", {}, lambda _: None)
        return page

    async def close(self) -> None:
        await self._http.aclose()

    async def say(self, message: str, seen: Seen, *, keep: bool = False) -> None:
        """Send a message and take frames until nothing runs any more.

        `keep`: whether the consent to keep is ticked, which the first message of a talk decides.
        """
        answer = await self._finish("send", {"box": message, "keep": keep}, seen)
        ticket = answer["data"][self._layout.place("send", "ticket")]
        if ticket == self._ticket:
            raise PageError("the message was not taken")
        self._ticket = ticket
        await self._finish("watch", {}, seen)

    async def _finish(self, handler: str, values: dict[str, Any], seen: Seen) -> dict[str, Any]:
        """Join the handler's queue and read to its end; gives its answer."""
        asked = self._layout.handlers[handler]
        data = [values.get(name, _blank(name)) for name in self._layout.inputs(handler)]
        body = {
            "data": data,
            "event_data": None,
            "fn_index": asked["id"],
            "trigger_id": asked["targets"][0][0],
            "session_hash": self._session,
        }
        joined = (await self._http.post(f"{API}/queue/join", json=body)).raise_for_status().json()
        address = f"{API}/queue/data?session_hash={self._session}"
        async with self._http.stream("GET", address) as stream:
            async for message in _messages(stream, seen):
                if message.get("event_id") != joined["event_id"]:
                    continue
                if message["msg"] == "process_completed":
                    if not message["success"]:
                        raise PageError(f"{handler} failed")
                    return dict(message["output"])
        raise PageError(f"{handler} never ended")


async def _messages(stream: httpx.Response, seen: Seen) -> Any:  # noqa: ANN401
    rest = b""
    async for piece in stream.aiter_raw():
        *whole, rest = (rest + piece).split(b"\n\n")
        for event in whole:
            seen(event)
            # Frames are many; only the queue's own words are taken apart.
            if event.startswith(b"data: ") and b'"process_generating"' not in event[:40]:
                yield json.loads(event[6:])


def _blank(name: str) -> object:
    return False if name in {"keep", "research", "train"} else None if not name else ""
