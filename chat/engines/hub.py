"""One file from the Hugging Face hub, resumed where it broke off.

The hub's own library no longer resumes the download of an earlier run, so the bytes are read here;
which file, how large and with which hash stands in the catalogue.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx
from huggingface_hub import hf_hub_url
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from chat.engines.catalogue import Hub
from chat.engines.part import OnProgress, Part
from chat.settings import environment
from perm.types import EngineError, EngineFault

PATIENCE: Final = 5.0
"""Seconds within which the hub answers, or is out of reach."""
SILENCE: Final = 30.0
"""Seconds without a byte after which a download counts as broken."""
TRIES: Final = 5


class _WrongPlaceError(Exception):
    """The server did not go on where it was asked to."""


async def size_of(source: Hub) -> int | None:
    """The file's size as the hub tells it; None where it does not within five seconds."""
    try:
        async with asyncio.timeout(PATIENCE), _client(PATIENCE) as client:
            answer = await client.head(_url(source), follow_redirects=False)
    except (TimeoutError, httpx.HTTPError):
        return None
    if answer.is_error:
        return None
    told = answer.headers.get("x-linked-size") or answer.headers.get("content-length", "")
    return int(told) if told.isdecimal() else None


async def download(source: Hub, size: int, part: Part, on_progress: OnProgress) -> None:
    """Complete `part`, which may hold a beginning. Raises `EngineError` (UNREACHABLE, GARBAGE)."""
    found = await size_of(source)
    if found is None:
        raise _out_of_reach(source)
    if found != size:
        raise EngineError(
            EngineFault.GARBAGE,
            f"The hub holds another file under the name {source.file} than the catalogue knows.",
            "Update perm-chat, or use another model.",
        )
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((httpx.TransportError, _WrongPlaceError)),
            stop=stop_after_attempt(TRIES),
            wait=wait_exponential(max=10),
            reraise=True,
        ):
            with attempt:
                await _go_on(source, size, part, on_progress)
    except (httpx.HTTPError, _WrongPlaceError):
        raise _out_of_reach(source) from None


async def _go_on(source: Hub, size: int, part: Part, on_progress: OnProgress) -> None:
    """Append what is missing."""
    done = part.size
    if done == size:
        return
    headers = {"Range": f"bytes={done}-", "Accept-Encoding": "identity"}
    async with (
        _client(SILENCE) as client,
        client.stream("GET", _url(source), headers=headers) as answer,
    ):
        answer.raise_for_status()
        if answer.status_code == httpx.codes.OK:  # all of it, from the start
            done = 0
        elif not answer.headers.get("content-range", "").startswith(f"bytes {done}-"):
            raise _WrongPlaceError
        with part.open_at(done) as file:
            async for chunk in answer.aiter_bytes():
                done += len(chunk)
                if done > size:
                    break  # the hash will tell
                await asyncio.to_thread(file.write, chunk)
                on_progress(done, size)
    if done < size:
        raise httpx.RemoteProtocolError("the connection closed early")


def _client(silence: float) -> httpx.AsyncClient:
    """No token is sent: all models of the catalogue are public."""
    timeout = httpx.Timeout(silence, connect=PATIENCE)
    return httpx.AsyncClient(follow_redirects=True, timeout=timeout)


def _url(source: Hub) -> str:
    """Its address: on the hub, or on the mirror that is set as the hub's library wants it."""
    mirror = (environment("HF_ENDPOINT") or "").rstrip("/") or None
    return hf_hub_url(source.repo, source.file, revision=source.revision, endpoint=mirror)


def _out_of_reach(source: Hub) -> EngineError:
    return EngineError(
        EngineFault.UNREACHABLE,
        f"The model file {source.file} cannot be fetched from the Hugging Face hub right now.",
        "Check the network. What has come is kept; the download goes on from there.",
    )
