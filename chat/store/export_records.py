"""What the store gives to an export, and what it keeps of one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from chat.store.records import Conversation, Feedback, Turn
from perm.types import Value

Purpose = Literal["train", "research"]
"""What an export is for; the consent of this name is needed."""


class Compared(Value):
    """Two replies of one turn that a person compared. `winner`: None where neither was better.

    `how`: blind, side by side (a vote), or by picking one of several drafts (a pick).
    """

    one: UUID
    other: UUID
    winner: UUID | None
    how: Literal["vote", "pick"]
    margin: Literal["slight", "clear"] | None = None


class WholeConversation(Value):
    """A conversation with every turn of its tree, parents first, and what all raters said."""

    conversation: Conversation
    turns: tuple[Turn, ...] = ()
    opinions: tuple[Feedback, ...] = ()  # oldest first
    compared: tuple[Compared, ...] = ()  # oldest first


class NewExport(Value):
    """An export about to be handed out. `items`: its rows by conversation."""

    format: str
    purpose: Purpose
    options: Mapping[str, Any] = Field(default_factory=dict)
    checksum: str
    items: Mapping[UUID, int]


class ExportRecord(Value):
    """An export there was. The data went with whoever made it; here is only what it held.

    `owner`: None for an administrator's export of every owner. `deleted`, `withdrawn`: of its
    conversations, how many were deleted since, and for how many the consent was taken back.
    """

    id: UUID
    owner: str | None
    format: str
    purpose: Purpose
    options: Mapping[str, Any]
    row_count: int
    checksum: str
    created_at: datetime
    conversations: int = 0
    deleted: int = 0
    withdrawn: int = 0
