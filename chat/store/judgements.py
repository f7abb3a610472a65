"""Verdicts and rewards on a reply. Verdicts are only ever added; a reward is the latest one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store import shelf
from chat.store.owned import own_reply
from chat.store.records import SavedVerdict
from chat.store.tables import reply, reward, verdict
from chat.store.upsert import upsert
from perm.types import Reward, Usage, Verdict


async def save_verdict(
    connection: AsyncConnection, owner: str, reply_id: UUID, given: Verdict
) -> SavedVerdict:
    await own_reply(connection, owner, reply_id, writing=True)
    last = select(func.coalesce(func.max(verdict.c.number), 0)).where(
        verdict.c.reply_id == reply_id
    )
    statement = (
        insert(verdict)
        .values(
            id=uuid4(),
            reply_id=reply_id,
            number=last.scalar_subquery() + 1,
            created_at=datetime.now(UTC),
            **given.model_dump(exclude={"usage"}),
            **given.usage.model_dump(),
        )
        .returning(verdict)
    )
    saved = _record((await connection.execute(statement)).mappings().one())
    all_of_it = await load_verdicts(connection, select(reply.c.id).where(reply.c.id == reply_id))
    await shelf.judged(connection, reply_id, all_of_it[reply_id])
    return saved


async def save_reward(
    connection: AsyncConnection, owner: str, reply_id: UUID, given: Reward
) -> None:
    await own_reply(connection, owner, reply_id, writing=True)
    await upsert(
        connection,
        reward,
        keys={"reply_id": reply_id},
        values=given.model_dump() | {"saved_at": datetime.now(UTC)},
    )
    await shelf.rewarded(connection, reply_id, given.total)


async def load_verdicts(
    connection: AsyncConnection, reply_ids: Select[UUID]
) -> dict[UUID, list[SavedVerdict]]:
    """By reply, oldest first."""
    query = select(verdict).where(verdict.c.reply_id.in_(reply_ids)).order_by(verdict.c.number)
    found: dict[UUID, list[SavedVerdict]] = {}
    for row in (await connection.execute(query)).mappings():
        found.setdefault(row["reply_id"], []).append(_record(row))
    return found


async def load_rewards(connection: AsyncConnection, reply_ids: Select[UUID]) -> dict[UUID, Reward]:
    query = select(reward).where(reward.c.reply_id.in_(reply_ids))
    rows = (await connection.execute(query)).mappings()
    return {row["reply_id"]: Reward(**_only(row, Reward.model_fields)) for row in rows}


def _record(row: RowMapping) -> SavedVerdict:
    usage = Usage(**_only(row, Usage.model_fields))
    fields = Verdict.model_fields.keys() - {"usage"}
    return SavedVerdict(
        id=row["id"],
        reply_id=row["reply_id"],
        created_at=row["created_at"],
        verdict=Verdict(usage=usage, **_only(row, fields)),
    )


def _only(row: RowMapping, names: Mapping[str, Any] | set[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}
