"""Ann, who has everything, and Ben with a browser and a conversation of his own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import Store
from chat.store.tables import metadata
from tests.security.world import Belongings, World, belongings, world_in

ANN: Final = "a" * 32
QUERIES: Final = ("c", "r", "with", "hold", "study")
"""What the pages' addresses name things by."""


@dataclass
class Two:
    """Ann has everything; Ben has a conversation of his own, and a browser."""

    world: World
    ann: Belongings
    ben: httpx.AsyncClient
    his: Belongings
    before: frozenset[str]

    async def unharmed(self) -> bool:
        """Whether every row of Ann's is as it was."""
        return self.before <= await rows(self.world)


async def rows(world: World) -> frozenset[str]:
    async def everything(connection: AsyncConnection) -> frozenset[str]:
        found = set()
        for name, table in metadata.tables.items():
            listed = await connection.execute(select(table))
            found |= {f"{name} {row!r}" for row in listed.all()}
        return frozenset(found)

    async def read(store: Store) -> frozenset[str]:
        return await store._database.read(everything)

    return await read(world.services.store) | await read(world.services.session.unkept)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with world_in(tmp_path) as world, world.visitor() as ben:
        ann = await belongings(world, ANN)
        before = await rows(world)
        his = await belongings(world, await world.owner(ben), "ben's own")
        yield Two(world, ann, ben, his, before)


def filled(template: Any, has: Belongings) -> Any:
    text = json.dumps(template)
    for name in ("conversation", "turn", "reply", "study"):
        text = text.replace(f"{{{name}}}", str(getattr(has, name)))
    return json.loads(text)


def gone(has: Belongings) -> Belongings:
    """The same with ids and tokens that nobody has."""
    names = ("conversation", "turn", "reply", "study", "comparison")
    ids = {name: uuid4() for name in names}
    return replace(has, **ids, study_token="x" * 32, invitation_token="y" * 32)


def alike(text: str, *many: Belongings) -> str:
    """The text with every id in it written as one."""
    for has in many:
        for one in has.ids:
            text = text.replace(str(one), "ID").replace(one.hex, "ID")
    return text
