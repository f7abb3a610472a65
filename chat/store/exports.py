"""The record of exports: which there were, and which conversation went into which."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, case, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store.export_records import ExportRecord, NewExport
from chat.store.tables import conversation, export, export_item


async def save(connection: AsyncConnection, owner: str | None, new: NewExport) -> ExportRecord:
    values = {
        "id": uuid4(),
        "owner": owner,
        **new.model_dump(exclude={"items"}),
        "row_count": sum(new.items.values()),
        "created_at": datetime.now(UTC),
    }
    await connection.execute(insert(export).values(**values))
    items = [
        {"export_id": values["id"], "conversation_id": one, "row_count": rows}
        for one, rows in new.items.items()
    ]
    await connection.execute(insert(export_item), items)
    return (await _records(connection, export.c.id == values["id"]))[0]


async def listed(connection: AsyncConnection, owner: str | None, limit: int) -> list[ExportRecord]:
    """Exports, latest first. None: everybody's, for an administrator alone."""
    mine = export.c.id.is_not(None) if owner is None else export.c.owner == owner
    return await _records(connection, mine, limit)


async def containing(connection: AsyncConnection, conversation_id: UUID) -> list[ExportRecord]:
    """Every export that a conversation went into, whoever made it. The caller checks the owner."""
    held = select(export_item.c.export_id).where(export_item.c.conversation_id == conversation_id)
    return await _records(connection, export.c.id.in_(held))


async def _records(
    connection: AsyncConnection, which: ColumnElement[bool], limit: int | None = None
) -> list[ExportRecord]:
    agreed = case(
        (export.c.purpose == "research", conversation.c.research), else_=conversation.c.train
    )
    gone = conversation.c.id.is_(None)
    query = (
        select(
            export,
            func.count(export_item.c.conversation_id).label("conversations"),
            func.count(case((gone, 1))).label("deleted"),
            func.count(case((and_(~gone, ~agreed), 1))).label("withdrawn"),
        )
        .join(export_item, export_item.c.export_id == export.c.id)
        .outerjoin(conversation, conversation.c.id == export_item.c.conversation_id)
        .where(which)
        .group_by(export.c.id)
        .order_by(export.c.created_at.desc(), export.c.id)
        .limit(limit)
    )
    return [ExportRecord(**row) for row in (await connection.execute(query)).mappings()]
