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
BLOCK: Final = 1 << 20
PREVIEWS_AT_ONCE: Final = 2
"""Counting reads every conversation of its owner; chat must not wait for that."""


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
        self, owner: str, order: Order, told: Callable[[int, int], None] | None = None
    ) -> Summary:
        exporter = await self._exporter(owner, order)
        async with self._counting:
            return await exporter.preview(order, [owner], told)

    async def zip(self, owner: str, order: Order) -> BinaryIO:
        """The export as an open file, from its beginning. The caller closes it."""
        exporter = await self._exporter(owner, order)
        out = tempfile.TemporaryFile()  # noqa: SIM115 - given away
        try:
            async with self._counting:
                await exporter.write(order, [owner], ZipTarget(out), owner)
        except BaseException:  # whatever it was, the file must not stay open
            out.close()
            raise
        return out

    async def _exporter(self, owner: str, order: Order) -> Exporter:
        services = self._services
        redactor = await asyncio.to_thread(_redactor) if order.redact else None
        not_kept = len(await services.session.unkept.conversation_ids(owner))
        return Exporter(services.store, services.rubrics.supporter, redactor, not_kept)


@cache
def _redactor() -> Redactor:
    return presidio()


def router(services: Services, owner_of: Callable[[Request], str]) -> APIRouter:
    """`GET /api/export?format=sft&...`: the fields of `Order`; answers with a ZIP."""
    routes = APIRouter()
    downloads = Downloads(services)

    @routes.get(ADDRESS)
    async def export(request: Request) -> StreamingResponse:
        order = order_of(**dict(request.query_params))
        out = await downloads.zip(owner_of(request), order)
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
