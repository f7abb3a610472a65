"""The body of a request: whole before anybody reads it, of a bounded length, within a bounded time.

Nothing here takes uploads, so that a body is small; read at once, one that is too long or too slow
gets an answer that says so, and holds nobody up.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import Message, Receive

MAX_BODY: Final = 2_000_000
"""Bytes of one request: a long message many times over, and no more."""

PATIENCE: Final = 20.0
"""Seconds that a body may take to arrive."""


class TooLong(Exception):
    """More came than is taken."""


class TooSlow(Exception):
    """It did not all come in time."""


class Gone(Exception):
    """Whoever sent it hung up."""


async def whole(receive: Receive, most: int = MAX_BODY, patience: float = PATIENCE) -> bytes:
    """Raises `TooLong`, `TooSlow` or `Gone`."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(patience):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    raise TooLong
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise TooSlow from None


def again(body: bytes, receive: Receive) -> Receive:
    """The body for those who read it next; after it, what is told of the connection."""
    unread = True

    async def next_message() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return next_message
