"""What a prompt's hash stands for, and how far a judge can be trusted (self-check)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.store.tables import prompt, selfcheck
from chat.store.upsert import insert_once
from perm.types import CheckKind, Method


async def save(connection: AsyncConnection, prompt_hash: str, name: str, text: str) -> None:
    """Keeps a prompt once; the hash is of its content, so a second time says nothing new."""
    await insert_once(
        connection,
        prompt,
        keys={"hash": prompt_hash},
        values={"name": name, "text": text, "created_at": datetime.now(UTC)},
    )


async def get(connection: AsyncConnection, prompt_hash: str) -> str | None:
    """The text of a prompt, None if it was never used here."""
    found: str | None = await connection.scalar(
        select(prompt.c.text).where(prompt.c.hash == prompt_hash)
    )
    return found


async def save_selfcheck(
    connection: AsyncConnection,
    judge_model: str,
    prompt_hash: str,
    method: Method,
    results: Mapping[str, Any],
) -> None:
    """Adds a result; earlier ones stay."""
    await connection.execute(
        insert(selfcheck).values(
            id=uuid4(),
            judge_model=judge_model,
            prompt_hash=prompt_hash,
            method=method,
            results=results,
            created_at=datetime.now(UTC),
        )
    )


async def latest_selfcheck(
    connection: AsyncConnection,
    judge_model: str,
    prompt_hash: str,
    method: Method,
    kind: CheckKind = CheckKind.LEVELS,
) -> Mapping[str, Any] | None:
    """The latest result for this judge, prompt and method, None if there is none.

    What a result is about it says itself; those that do not are of known levels.
    """
    told = func.coalesce(selfcheck.c.results["kind"].as_string(), CheckKind.LEVELS.value)
    query = (
        select(selfcheck.c.results)
        .where(
            selfcheck.c.judge_model == judge_model,
            selfcheck.c.prompt_hash == prompt_hash,
            selfcheck.c.method == method,
            told == kind.value,
        )
        .order_by(selfcheck.c.created_at.desc())
        .limit(1)
    )
    found: Mapping[str, Any] | None = await connection.scalar(query)
    return found
