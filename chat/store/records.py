"""What the store gives and takes: plain immutable records, no SQLAlchemy outside this package.

conversation 1─* turn 1─* reply 1─* verdict, and feedback on a reply. Turns form a tree: a turn
follows a reply (`parent_reply_id`), so a regenerated reply, an edited message and a branch are all
just siblings, and nothing is ever overwritten. `Conversation.head_turn_id` says which leaf is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from chat.store.study_records import PickedBy
from perm.types import Perspective, Reward, Usage, Value, Verdict, binding


class Consents(Value):
    """What the seeker agreed to, each on its own, none by default.

    Without `keep` a conversation lives in memory alone and leaves no trace on disk.
    """

    keep: bool = False
    research: bool = False
    train: bool = False


class ReplyStatus(StrEnum):
    WRITING = "writing"
    COMPLETE = "complete"
    STOPPED = "stopped"  # by the seeker
    CUT_SHORT = "cut_short"  # it reached its limit of tokens
    INCOMPLETE = "incomplete"  # the engine failed in the middle
    INTERRUPTED = "interrupted"  # the app ended in the middle; marked on the next start


class Timings(Value):
    """Seconds since the turn began; None where it did not come to that."""

    first_token: float | None = None
    analysis_complete: float | None = None
    response_complete: float | None = None


class NewReply(Value):
    """What is known of a reply before its first token."""

    engine: str
    model: str
    prompt_hash: str
    sampling: Mapping[str, Any] = Field(default_factory=dict)
    request: tuple[Mapping[str, str], ...] = ()  # the messages as sent: role, content
    turns_left_out: int = 0  # turns that no longer fitted the context


class ReplyUpdate(Value):
    """The state of a reply at one moment: replaces what was saved before."""

    status: ReplyStatus
    raw: str
    analysis: str
    response: str
    error: str | None = None
    crisis: str | None = None  # the kind of crisis the check saw in the reply itself
    usage: Usage = Usage()
    timings: Timings = Timings()
    model: str | None = None  # the model that really writes it; None leaves what was noted


class FeedbackInput(Value):
    """What a rater says of a reply. Every field is optional; None means not said.

    thumb: -1 or 1. The four scales are the judge's own: 1 to 5, bystander 0 to 100.
    """

    thumb: Literal[-1, 1] | None = None
    resonation: int | None = Field(default=None, ge=1, le=5)
    expression: int | None = Field(default=None, ge=1, le=5)
    reception: int | None = Field(default=None, ge=1, le=5)
    bystander: int | None = Field(default=None, ge=0, le=100)
    reasons: tuple[str, ...] = ()
    better: str | None = None
    comment: str | None = None


class Feedback(FeedbackInput):
    id: UUID
    reply_id: UUID
    rater: str
    saved_at: datetime


class SavedVerdict(Value):
    id: UUID
    reply_id: UUID
    created_at: datetime
    verdict: Verdict


class Reply(Value):
    """One generated answer to a turn. `chosen`: the one the conversation goes on from."""

    id: UUID
    turn_id: UUID
    number: int  # 1-based within its turn
    status: ReplyStatus
    engine: str
    model: str
    prompt_hash: str
    sampling: Mapping[str, Any] = Field(default_factory=dict)
    request: tuple[Mapping[str, str], ...] = ()
    turns_left_out: int = 0
    raw: str = ""
    analysis: str = ""
    response: str = ""
    error: str | None = None
    crisis: str | None = None
    usage: Usage = Usage()
    timings: Timings = Timings()
    chosen: bool = True
    picked_by: PickedBy | None = None  # how it was picked out of several, if it was
    created_at: datetime
    verdicts: tuple[SavedVerdict, ...] = ()  # oldest first
    reward: Reward | None = None
    feedback: Feedback | None = None  # the asking owner's own

    @property
    def binding(self) -> dict[Perspective, Verdict]:
        return binding(saved.verdict for saved in self.verdicts)


class Turn(Value):
    """One message of the seeker with its replies (oldest first)."""

    id: UUID
    conversation_id: UUID
    parent_reply_id: UUID | None
    number: int  # 1-based along the path
    message: str
    crisis: str | None = None  # the kind of crisis the check saw, if any
    created_at: datetime
    replies: tuple[Reply, ...] = ()

    @property
    def chosen(self) -> Reply | None:
        return next((reply for reply in self.replies if reply.chosen), None)


class Conversation(Value):
    id: UUID
    owner: str
    title: str
    persona: str
    scenario: str
    consents: Consents
    model: str | None = None  # the one it was begun with; None: the engine's first
    head_turn_id: UUID | None = None
    created_at: datetime
    updated_at: datetime


class ConversationSummary(Value):
    """A line in the list of conversations."""

    id: UUID
    title: str
    turns: int
    updated_at: datetime
