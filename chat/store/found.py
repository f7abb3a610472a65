"""What is looked for, and what is found: plain records for History."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chat.store.records import ReplyStatus
from perm.types import Perspective, Value


class Thumb(StrEnum):
    """The owner's own feedback."""

    UP = "up"
    DOWN = "down"
    ANY = "any"
    NONE = "none"


class Filters(Value):
    """All must hold; what is empty is not asked. Scores and rewards are those that count."""

    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    model: str = ""
    judge: str = ""
    perspective: Perspective | None = None
    low: float | None = None
    high: float | None = None
    reward_low: float | None = None
    reward_high: float | None = None
    thumb: Thumb | None = None
    tag: str = ""
    unscored: bool = False


class Place(Value):
    """Where a page ended: the next one begins after it."""

    created_at: datetime
    reply_id: UUID


class Found(Value):
    """A reply as a line of History. A score is None where there is none that counts."""

    reply_id: UUID
    turn_id: UUID
    conversation_id: UUID
    number: int
    title: str
    message: str
    response: str
    status: ReplyStatus
    model: str
    judge: str | None
    created_at: datetime
    resonation: float | None
    expression: float | None
    reception: float | None
    bystander: float | None
    reward: float | None
    thumb: int | None

    @property
    def place(self) -> Place:
        return Place(created_at=self.created_at, reply_id=self.reply_id)


class FoundPage(Value):
    rows: tuple[Found, ...] = ()
    after: Place | None = None  # None: this is the last page


class Choices(Value):
    """What an owner can filter by."""

    models: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Remarks(Value):
    """What an owner wrote about a conversation."""

    tags: tuple[str, ...] = ()
    note: str = ""
