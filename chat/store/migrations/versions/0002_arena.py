"""Picks among candidates; studies with their items, raters, comparisons and votes.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _pick()
    _study()
    _study_item()
    _study_rater()
    _comparison()
    _vote()


def downgrade() -> None:
    """The tables are dropped with what they hold; going back means putting back a copy."""
    raise NotImplementedError


def _study() -> None:
    op.create_table(
        "study",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("a_name", sa.Text(), nullable=False),
        sa.Column("a_model", sa.Text(), nullable=False),
        sa.Column("a_prompt_hash", sa.Text(), nullable=False),
        sa.Column("b_name", sa.Text(), nullable=False),
        sa.Column("b_model", sa.Text(), nullable=False),
        sa.Column("b_prompt_hash", sa.Text(), nullable=False),
        sa.Column("research", sa.Boolean(), nullable=False),
        sa.Column("train", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('study', 'own')", name=op.f("ck_study_kind")),
        sa.CheckConstraint("owner <> ''", name=op.f("ck_study_owner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("token", name=op.f("uq_study_token")),
    )
    op.create_index("ix_study_owner_created_at", "study", ["owner", "created_at"])


def _study_rater() -> None:
    op.create_table(
        "study_rater",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("rater", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("rater <> ''", name=op.f("ck_study_rater_rater")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_study_rater_number")),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_study_rater_study_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_rater")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_study_rater_study_id_number")),
        sa.UniqueConstraint("study_id", "rater", name=op.f("uq_study_rater_study_id_rater")),
    )


def _pick() -> None:
    op.create_table(
        "pick",
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("picked_by", sa.Text(), nullable=False),
        sa.Column("picked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("picked_by IN ('person', 'reward')", name=op.f("ck_pick_picked_by")),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["reply.id"], name=op.f("fk_pick_reply_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turn.id"], name=op.f("fk_pick_turn_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("turn_id", name=op.f("pk_pick")),
    )
    op.create_index("ix_pick_reply_id", "pick", ["reply_id"])


def _study_item() -> None:
    op.create_table(
        "study_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("a_reply_id", sa.Uuid(), nullable=True),
        sa.Column("b_reply_id", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(a_reply_id IS NULL) = (b_reply_id IS NULL)", name=op.f("ck_study_item_both")
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_study_item_number")),
        sa.ForeignKeyConstraint(
            ["a_reply_id"], ["reply.id"], name=op.f("fk_study_item_a_reply_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["b_reply_id"], ["reply.id"], name=op.f("fk_study_item_b_reply_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_study_item_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_study_item_study_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_item")),
        sa.UniqueConstraint("conversation_id", name=op.f("uq_study_item_conversation_id")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_study_item_study_id_number")),
    )
    op.create_index("ix_study_item_a_reply_id", "study_item", ["a_reply_id"])
    op.create_index("ix_study_item_b_reply_id", "study_item", ["b_reply_id"])


def _comparison() -> None:
    op.create_table(
        "comparison",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("left_side", sa.Text(), nullable=False),
        sa.CheckConstraint("left_side IN ('a', 'b')", name=op.f("ck_comparison_left_side")),
        sa.CheckConstraint("place >= 1", name=op.f("ck_comparison_place")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["study_item.id"], name=op.f("fk_comparison_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["rater_id"],
            ["study_rater.id"],
            name=op.f("fk_comparison_rater_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison")),
        sa.UniqueConstraint("rater_id", "item_id", name=op.f("uq_comparison_rater_id_item_id")),
        sa.UniqueConstraint("rater_id", "place", name=op.f("uq_comparison_rater_id_place")),
    )
    op.create_index("ix_comparison_item_id", "comparison", ["item_id"])


def _vote() -> None:
    op.create_table(
        "vote",
        sa.Column("comparison_id", sa.Uuid(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("margin", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("voted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(choice IN ('left', 'right')) = (margin IS NOT NULL)", name=op.f("ck_vote_decided")
        ),
        sa.CheckConstraint(
            "choice IN ('left', 'right', 'tie', 'both_bad')", name=op.f("ck_vote_choice")
        ),
        sa.CheckConstraint("margin IN ('slight', 'clear')", name=op.f("ck_vote_margin")),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparison.id"],
            name=op.f("fk_vote_comparison_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("comparison_id", name=op.f("pk_vote")),
    )
