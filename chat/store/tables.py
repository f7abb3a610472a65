"""The tables. Alembic owns the schema (`migrations/`); a test holds the two together.

conversation 1─* turn 1─* reply 1─* verdict; reward and feedback on a reply. Keys are random UUIDs,
times are UTC, enumerations are their words as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)

from chat.store.columns import Json, Moment, Name, Number, Words
from chat.store.records import ReplyStatus
from perm.types import Method, Perspective, Status

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


conversation: Final = Table(
    "conversation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Name, nullable=False),
    Column("title", Words, nullable=False),
    Column("persona", Words, nullable=False),
    Column("scenario", Words, nullable=False),
    Column("keep", Boolean, nullable=False),
    Column("research", Boolean, nullable=False),
    Column("train", Boolean, nullable=False),
    Column("model", Name),  # as chosen for it; NULL: the engine's first
    # which app process writes a reply in it, and when that was last heard of
    Column("writer", Name),
    Column("writer_seen", Moment),
    # the leaf that is open; a turn needs its conversation first, hence use_alter
    Column(
        "head_turn_id",
        ForeignKey("turn.id", ondelete="SET NULL", use_alter=True),
        index=True,
    ),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    CheckConstraint("owner <> ''", name="owner"),
    Index("ix_conversation_owner_updated_at", "owner", "updated_at"),
    Index(
        "ix_conversation_writer",
        "writer",
        sqlite_where=text("writer IS NOT NULL"),
        postgresql_where=text("writer IS NOT NULL"),
    ),
)

turn: Final = Table(
    "turn",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column(
        "conversation_id",
        ForeignKey("conversation.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column(
        "parent_reply_id",
        ForeignKey("reply.id", ondelete="CASCADE", use_alter=True),
        index=True,
    ),
    Column("number", Integer, nullable=False),
    Column("message", Words, nullable=False),
    Column("crisis", Name),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("(parent_reply_id IS NULL) = (number = 1)", name="first"),
)

reply: Final = Table(
    "reply",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("turn_id", ForeignKey("turn.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("status", Name, nullable=False),
    Column("engine", Name, nullable=False),
    Column("model", Name, nullable=False),
    Column("prompt_hash", Name, nullable=False),
    Column("sampling", Json, nullable=False),
    Column("request", Json, nullable=False),
    Column("turns_left_out", Integer, nullable=False),
    Column("raw", Words, nullable=False),
    Column("analysis", Words, nullable=False),
    Column("response", Words, nullable=False),
    Column("error", Words),
    Column("crisis", Name),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("first_token", Number),  # these three: seconds since the turn began
    Column("analysis_complete", Number),
    Column("response_complete", Number),
    Column("chosen", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("number >= 1", name="number"),
    one_of("status", ReplyStatus),
    UniqueConstraint("turn_id", "number"),
    # a turn has at most one chosen reply
    Index(
        "ix_reply_chosen",
        "turn_id",
        unique=True,
        sqlite_where=text("chosen"),
        postgresql_where=text("chosen"),
    ),
)

verdict: Final = Table(
    "verdict",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("reply_id", ForeignKey("reply.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("perspective", Name, nullable=False),
    Column("method", Name, nullable=False),
    Column("status", Name, nullable=False),
    Column("score", Number),
    Column("parts", Json),
    Column("distribution", Json),
    Column("mass", Number),
    Column("reason", Words),
    Column("unscored", Name),
    Column("error", Words),
    Column("raw", Words, nullable=False),
    Column("judge_model", Name, nullable=False),
    Column("prompt_hash", Name, nullable=False),
    Column("request", Words, nullable=False),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("seconds", Number),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("number >= 1", name="number"),
    one_of("perspective", Perspective),
    one_of("method", Method),
    one_of("status", Status),
    CheckConstraint("(status = 'scored') = (score IS NOT NULL)", name="scored"),
    CheckConstraint("(status = 'unscored') = (unscored IS NOT NULL)", name="unscored"),
    CheckConstraint(
        "score IS NULL"
        " OR (perspective = 'bystander' AND score BETWEEN 0 AND 100)"
        " OR (perspective <> 'bystander' AND score BETWEEN 1 AND 5)",
        name="score",
    ),
    UniqueConstraint("reply_id", "number"),
)

reward: Final = Table(
    "reward",
    metadata,
    Column("reply_id", ForeignKey("reply.id", ondelete="CASCADE"), primary_key=True),
    Column("empathy", Number, nullable=False),
    Column("bystander", Number, nullable=False),
    Column("length", Number, nullable=False),
    Column("total", Number, nullable=False),
    Column("settings", Json, nullable=False),
    Column("saved_at", Moment, nullable=False),
    CheckConstraint("empathy BETWEEN 0 AND 1", name="empathy"),
    CheckConstraint("bystander <= 0", name="bystander"),
    CheckConstraint("length <= 0", name="length"),
)

feedback: Final = Table(
    "feedback",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("reply_id", ForeignKey("reply.id", ondelete="CASCADE"), nullable=False),
    Column("rater", Name, nullable=False),
    Column("thumb", Integer),
    Column("resonation", Integer),
    Column("expression", Integer),
    Column("reception", Integer),
    Column("bystander", Integer),
    Column("reasons", Json, nullable=False),
    Column("better", Words),
    Column("comment", Words),
    # a preference between two replies: the row then speaks of both
    Column("other_reply_id", ForeignKey("reply.id", ondelete="CASCADE"), index=True),
    Column("preference", Name),
    Column("saved_at", Moment, nullable=False),
    CheckConstraint("rater <> ''", name="rater"),
    CheckConstraint("thumb IN (-1, 1)", name="thumb"),
    *(
        CheckConstraint(f"{scale} BETWEEN 1 AND 5", name=scale)
        for scale in ("resonation", "expression", "reception")
    ),
    CheckConstraint("bystander BETWEEN 0 AND 100", name="bystander"),
    one_of("preference", ("this", "other", "tie", "neither")),
    CheckConstraint("(other_reply_id IS NULL) = (preference IS NULL)", name="pair"),
    CheckConstraint("other_reply_id <> reply_id", name="two_replies"),
    Index(
        "ix_feedback_one",
        "reply_id",
        "rater",
        unique=True,
        sqlite_where=text("other_reply_id IS NULL"),
        postgresql_where=text("other_reply_id IS NULL"),
    ),
    Index(
        "ix_feedback_pair",
        "reply_id",
        "other_reply_id",
        "rater",
        unique=True,
        sqlite_where=text("other_reply_id IS NOT NULL"),
        postgresql_where=text("other_reply_id IS NOT NULL"),
    ),
)

prompt: Final = Table(
    "prompt",
    metadata,
    Column("hash", Name, primary_key=True),
    Column("name", Name, nullable=False),
    Column("text", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
)

selfcheck: Final = Table(
    "selfcheck",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("judge_model", Name, nullable=False),
    Column("prompt_hash", Name, nullable=False),
    Column("method", Name, nullable=False),
    Column("results", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    one_of("method", Method),
    Index("ix_selfcheck_judge", "judge_model", "prompt_hash", "method", "created_at"),
)

export: Final = Table(
    "export",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Name),  # NULL: an administrator's, of every owner
    Column("format", Name, nullable=False),
    Column("purpose", Name, nullable=False),
    Column("options", Json, nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("checksum", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("owner <> ''", name="owner"),
    CheckConstraint("row_count >= 1", name="row_count"),
    one_of("purpose", ("train", "research")),
    Index("ix_export_owner_created_at", "owner", "created_at"),
)

export_item: Final = Table(
    "export_item",
    metadata,
    Column("export_id", ForeignKey("export.id", ondelete="CASCADE"), primary_key=True),
    # no foreign key: that an export had contained a conversation must outlive the conversation
    Column("conversation_id", Uuid, primary_key=True, index=True),
    Column("row_count", Integer, nullable=False),
    CheckConstraint("row_count >= 1", name="row_count"),
)
