"""A repository on the Hugging Face hub, examined without being downloaded.

The library's own `get_safetensors_metadata` reads whole answers where a server ignores the range
that was asked for, and neither bounds headers nor compares them with file sizes. So the library's
asynchronous session, token, addresses and errors are used, and the pieces are read here. Its
ready-made headers are not: building them asks the hub for a list that only its statistics need, and
holds up the caller for as long as 3 seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Self
from urllib.parse import quote

import httpx2
from huggingface_hub import constants, get_async_session, get_token, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    OIDCError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined] # documented

from perm.checkpoint.documents import json_object
from perm.checkpoint.places import Place
from perm.checkpoint.report import INSTEAD, OTHERWISE, Code, Halted
from perm.checkpoint.wording import named

LISTING_BYTES: Final = 8 * 2**20
LOCALLY: Final = "Check the network, or name a folder that holds the model."


class Hub(Place):
    """One repository at one commit. The endpoint is huggingface_hub's (HF_ENDPOINT)."""

    vocabulary_bytes = 2**20

    def __init__(
        self,
        repository: str,
        revision: str | None,
        client: httpx2.AsyncClient,
        token: str | None,
    ) -> None:
        super().__init__()
        self._repository = repository
        self._revision = revision
        self._client = client
        self._endpoint = constants.ENDPOINT
        self._headers = {
            "User-Agent": "perm-chat",
            "Accept-Encoding": "identity",  # so that a bound on what is sent bounds what is read
        }
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    @classmethod
    @asynccontextmanager
    async def open(cls, repository: str, revision: str | None) -> AsyncIterator[Self]:
        """Session and token come from threads: certificates are read, a token may be renewed."""
        async with await asyncio.to_thread(get_async_session) as client:
            yield cls(repository, revision, client, await asyncio.to_thread(_token))

    @property
    def revision(self) -> str | None:
        return self._revision

    async def files(self) -> Mapping[str, int]:
        """From one request; from then on everything is read at the commit that it names."""
        address = f"{self._endpoint}/api/models/{self._repository}"
        if self._revision:
            address += f"/revision/{quote(self._revision, safe='')}"
        with self._in_words(self._repository):
            found = json_object(await self._stream(address + "?blobs=true", 0, LISTING_BYTES))
        if found is None:
            raise self._garbage()
        if isinstance(commit := found.get("sha"), str):
            self._revision = commit
        return self._sizes(found.get("siblings"))

    def _sizes(self, siblings: object) -> dict[str, int]:
        if not isinstance(siblings, list):
            raise self._garbage()
        sizes: dict[str, int] = {}
        for sibling in siblings:
            name, size = _field(sibling, "rfilename"), _field(sibling, "size")
            if not isinstance(name, str) or not isinstance(size, int) or size < 0:
                raise self._garbage()
            if "/" not in name:
                sizes[name] = size
        return sizes

    async def _piece(self, name: str, start: int, stop: int) -> bytes:
        address = hf_hub_url(self._repository, name, revision=self._revision)
        with self._in_words(f"{self._repository}/{name}"):
            return await self._stream(address, start, stop)

    async def _stream(self, address: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop`; a server that sends all is left off once they have come."""
        if stop <= start:
            return b""
        headers = {**self._headers, "Range": f"bytes={start}-{stop - 1}"}
        async with self._client.stream("GET", address, headers=headers) as response:
            hf_raise_for_status(response)
            skipped = 0 if response.status_code == 206 else start
            data = bytearray()
            async for piece in response.aiter_raw():
                self.bytes_read += len(piece)
                data += piece
                if len(data) >= skipped + stop - start:
                    break
        return bytes(data[skipped : skipped + stop - start])

    @contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        """Every way in which the hub can fail, said for people."""
        shown, commit = named(what), named(self._revision or "main")
        try:
            yield
        except GatedRepoError:
            raise Halted(
                Code.NO_ACCESS,
                f"{shown} is open only to those whom its owners let in.",
                "Ask for access on its page and set HF_TOKEN, or " + OTHERWISE,
            ) from None
        except RevisionNotFoundError:
            raise Halted(
                Code.NOT_FOUND, f"{shown} has no revision {commit}.", "Check --revision."
            ) from None
        except RepositoryNotFoundError:
            raise Halted(
                Code.NOT_FOUND,
                f"{shown} is neither a folder here nor a repository that the hub shows.",
                "Check the name; a private repository needs HF_TOKEN.",
            ) from None
        except EntryNotFoundError:
            raise Halted(
                Code.NOT_FOUND, f"The hub lists {shown} and does not have it.", INSTEAD
            ) from None
        except OfflineModeIsEnabled:
            raise Halted(
                Code.UNREACHABLE,
                f"{shown} was not asked for: HF_HUB_OFFLINE is set.",
                "Unset it, or name a folder that holds the model.",
            ) from None
        except HfHubHTTPError as error:
            raise self._answered(shown, error.response.status_code) from None
        except UnicodeError:
            raise Halted(
                Code.NO_ACCESS, "HF_TOKEN holds signs that no token has.", "Set it again."
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Halted(
                Code.UNREACHABLE,
                f"The hub ({self._endpoint}) could not be reached for {shown}: "
                f"{type(error).__name__}.",
                LOCALLY,
            ) from None

    def _answered(self, shown: str, status: int) -> Halted:
        if status in {401, 403}:
            return Halted(
                Code.NO_ACCESS,
                f"The hub refuses {shown} ({status}).",
                "Check HF_TOKEN and what it gives access to.",
            )
        if status == 404:
            return Halted(Code.NOT_FOUND, f"The hub does not have {shown}.", "Check the name.")
        return Halted(
            Code.UNREACHABLE,
            f"The hub answered {status} for {shown}.",
            "Try again later. " + LOCALLY,
        )

    def _garbage(self) -> Halted:
        return Halted(
            Code.UNREACHABLE,
            f"{self._endpoint} did not answer as the hub does for {named(self._repository)}.",
            "Check HF_ENDPOINT. " + LOCALLY,
        )


def _token() -> str | None:
    """The token that the person is logged in with, unless it may not be sent unasked."""
    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        return None
    try:
        return get_token()
    except (OIDCError, httpx2.HTTPError, OSError) as error:
        raise Halted(
            Code.NO_ACCESS,
            f"No token for the hub could be had: {type(error).__name__}.",
            "Log in again with `hf auth login`, or set HF_TOKEN.",
        ) from None


def _field(sibling: Any, name: str) -> object:  # noqa: ANN401 - JSON
    return sibling.get(name) if isinstance(sibling, dict) else None
