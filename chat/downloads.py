"""Exports from the page: the same as by command, of the asking owner's conversations alone.

Nothing of an export stays on the server: the ZIP is written into a file without a name, sent, gone.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import BinaryIO, Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from starlette.background import BackgroundTask

from chat.export import Exporter, ExportError, Order, Summary, ZipTarget
from chat.export.redaction import Redactor, presidio
from chat.services import Services

ADDRESS: Final = "/api/export"
EVERYBODY: Final = "everybody"
"""The wish that only an administrator has."""

BLOCK: Final = 1 << 20
PREVIEWS_AT_ONCE: Final = 2
"""Counting reads every conversation of its owner; chat must not wait for that."""


class NotAdministrator(ExportError):
    """Everybody's conversations were asked for by somebody who may have their own."""

    def __init__(self) -> None:
        super().__init__("Everybody's conversations are for an administrator.", "Export your own.")


def can_redact() -> bool:
    """Whether the extra `redact` is installed."""
    return find_spec("presidio_analyzer") is not None


def order_of(**wishes: object) -> Order:
    """An order from what a page or an address says. Raises `ExportError` for people."""
    try:
        return Order.model_validate(wishes)
    except ValidationError as error:
        why = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise ExportError(f"This cannot be exported: {why}.", "Choose something else.") from None


class Downloads:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._counting = asyncio.Semaphore(PREVIEWS_AT_ONCE)

    async def preview(
        self,
        owner: str,
        order: Order,
        told: Callable[[int, int], None] | None = None,
        *,
        everybody: bool = False,
    ) -> Summary:
        """`everybody`: of every owner; the caller has seen that an administrator asks."""
        whose = await self._whose(owner, everybody)
        exporter = await self._exporter(whose, order)
        async with self._counting:
            return await exporter.preview(order, whose, told)

    async def zip(self, owner: str, order: Order, *, everybody: bool = False) -> BinaryIO:
        """The export as an open file, from its beginning. The caller closes it."""
        whose = await self._whose(owner, everybody)
        exporter = await self._exporter(whose, order)
        out = tempfile.TemporaryFile()  # noqa: SIM115 - given away
        try:
            async with self._counting:
                by = None if everybody else owner
                await exporter.write(order, whose, ZipTarget(out), by)
        except BaseException:  # whatever it was, the file must not stay open
            out.close()
            raise
        return out

    async def _whose(self, owner: str, everybody: bool) -> list[str]:
        return await self._services.store.owners() if everybody else [owner]

    async def _exporter(self, whose: list[str], order: Order) -> Exporter:
        services = self._services
        redactor = await asyncio.to_thread(_redactor) if order.redact else None
        unkept = services.session.unkept
        not_kept = sum([len(await unkept.conversation_ids(one)) for one in whose])
        return Exporter(services.store, services.rubrics.supporter, redactor, not_kept)


@cache
def _redactor() -> Redactor:
    return presidio()


def nobody(_: Request) -> bool:
    return False


def router(
    services: Services,
    owner_of: Callable[[Request], str],
    administers: Callable[[Request], bool] = nobody,
) -> APIRouter:
    """`GET /api/export?format=sft&...`: the fields of `Order`; answers with a ZIP.

    `everybody=yes`: of every owner, for an administrator.
    """
    routes = APIRouter()
    downloads = Downloads(services)

    @routes.get(ADDRESS)
    async def export(request: Request) -> StreamingResponse:
        wishes = dict(request.query_params)
        everybody = wishes.pop(EVERYBODY, "") == "yes"
        if everybody and not administers(request):
            raise NotAdministrator
        order = order_of(**wishes)
        out = await downloads.zip(owner_of(request), order, everybody=everybody)
        size = out.seek(0, 2)
        out.seek(0)
        name = f"perm-chat-{order.format.value}-{datetime.now(UTC):%Y%m%d-%H%M}.zip"
        return StreamingResponse(
            _blocks(out),
            media_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Content-Length": str(size),
                "Cache-Control": "no-store",
            },
            background=BackgroundTask(out.close),
        )

    return routes


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK):
            yield block
