"""Tables of what is compared: picks among candidates, and the arena's blind comparisons.

study 1─* study_item, each of which is one conversation of the study's owner with two replies;
study 1─* study_rater 1─* comparison (one rater's item, the sides at random) 1─1 vote. `pick` says
which of a turn's replies was picked, and by what; the turn's others are then passed over.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    Uuid,
)

from chat.store.columns import Moment, Name, Words
from chat.store.study_records import Choice, Margin, PickedBy, Side, StudyKind
from chat.store.tables import metadata, one_of

pick: Final = Table(
    "pick",
    metadata,
    Column("turn_id", ForeignKey("turn.id", ondelete="CASCADE"), primary_key=True),
    Column("reply_id", ForeignKey("reply.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("picked_by", Name, nullable=False),
    Column("picked_at", Moment, nullable=False),
    one_of("picked_by", PickedBy),
)

study: Final = Table(
    "study",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Name, nullable=False),
    Column("name", Words, nullable=False),
    Column("kind", Name, nullable=False),
    Column("token", Name, nullable=False, unique=True),  # whoever has it may rate
    *(
        Column(f"{side}_{what}", Name, nullable=False)
        for side in Side
        for what in ("name", "model", "prompt_hash")
    ),
    Column("research", Boolean, nullable=False),  # consents of conversations still to be made
    Column("train", Boolean, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("owner <> ''", name="owner"),
    one_of("kind", StudyKind),
    Index("ix_study_owner_created_at", "owner", "created_at"),
)

study_item: Final = Table(
    "study_item",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("study_id", ForeignKey("study.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column(
        "conversation_id",
        ForeignKey("conversation.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("message", Words, nullable=False),
    Column("a_reply_id", ForeignKey("reply.id", ondelete="CASCADE"), index=True),
    Column("b_reply_id", ForeignKey("reply.id", ondelete="CASCADE"), index=True),
    Column("error", Words),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("(a_reply_id IS NULL) = (b_reply_id IS NULL)", name="both"),
    UniqueConstraint("study_id", "number"),
)

study_rater: Final = Table(
    "study_rater",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("study_id", ForeignKey("study.id", ondelete="CASCADE"), nullable=False),
    Column("rater", Name, nullable=False),
    Column("number", Integer, nullable=False),
    Column("consented_at", Moment, nullable=False),
    CheckConstraint("rater <> ''", name="rater"),
    CheckConstraint("number >= 1", name="number"),
    UniqueConstraint("study_id", "rater"),
    UniqueConstraint("study_id", "number"),
)

comparison: Final = Table(
    "comparison",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("rater_id", ForeignKey("study_rater.id", ondelete="CASCADE"), nullable=False),
    Column("item_id", ForeignKey("study_item.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("place", Integer, nullable=False),
    Column("left_side", Name, nullable=False),
    CheckConstraint("place >= 1", name="place"),
    one_of("left_side", Side),
    UniqueConstraint("rater_id", "item_id"),
    UniqueConstraint("rater_id", "place"),
)

vote: Final = Table(
    "vote",
    metadata,
    Column("comparison_id", ForeignKey("comparison.id", ondelete="CASCADE"), primary_key=True),
    Column("choice", Name, nullable=False),
    Column("margin", Name),
    Column("why", Words),
    Column("voted_at", Moment, nullable=False),
    one_of("choice", Choice),
    one_of("margin", Margin),
    CheckConstraint("(choice IN ('left', 'right')) = (margin IS NOT NULL)", name="decided"),
)
