"""`perm-chat exports`: which there were, and what of them was deleted or taken back since."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

import typer

from chat.cli.options import with_some_settings
from chat.settings import Settings
from chat.store import ExportRecord, Store

SETTINGS: Final = ("database_url", "data_dir", "prompts_dir")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    store = await Store.open(settings.database, data_dir=settings.data_dir)
    try:
        yield store
    finally:
        await store.close()


@with_some_settings(*SETTINGS)
def exports(
    settings: Settings,
    limit: Annotated[int, typer.Option(min=1, help="How many, latest first.")] = 50,
) -> None:
    """List the exports there were, and which hold conversations that were deleted since."""
    found = asyncio.run(_listed(settings, limit))
    for one in found:
        typer.echo(_line(one))
    if not found:
        typer.echo("Nothing was exported yet.")


async def _listed(settings: Settings, limit: int) -> list[ExportRecord]:
    async with opened(settings) as store:
        return await store.exports(None, limit)


def _line(one: ExportRecord) -> str:
    gone = [
        f"{number} {what} since"
        for number, what in ((one.deleted, "deleted"), (one.withdrawn, "consent taken back"))
        if number
    ]
    who = "every owner" if one.owner is None else one.owner
    return (
        f"{one.created_at:%Y-%m-%d %H:%M}  {one.format} for {one.purpose}, {who}: {one.row_count}"
        f" rows of {one.conversations} conversations"
        + (f" ({', '.join(gone)})" if gone else "")
        + f", checksum {one.checksum[:16]}"
    )
