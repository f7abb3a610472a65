"""Which of a turn's replies was picked, by a person or as the one with the highest reward."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import tree
from chat.store.owned import own_reply
from chat.store.study_records import PickedBy
from chat.store.study_tables import pick
from chat.store.upsert import upsert


async def save(
    connection: AsyncConnection, owner: str, reply_id: UUID, picked_by: PickedBy
) -> None:
    """The conversation goes on from this reply; the others of its turn are passed over."""
    place = await own_reply(connection, owner, reply_id, writing=True)
    await tree.go_on_from(connection, *place)
    await upsert(
        connection,
        pick,
        keys={"turn_id": place.turn_id},
        values={"reply_id": reply_id, "picked_by": picked_by, "picked_at": datetime.now(UTC)},
    )


async def load_picks(connection: AsyncConnection, reply_ids: Select[UUID]) -> dict[UUID, PickedBy]:
    query = select(pick.c.reply_id, pick.c.picked_by).where(pick.c.reply_id.in_(reply_ids))
    return {reply_id: PickedBy(by) for reply_id, by in (await connection.execute(query)).all()}
