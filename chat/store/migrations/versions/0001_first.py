"""The first schema.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _conversation()
    _turn()
    _reply()
    _verdict()
    _reward()
    _feedback()
    _prompt()
    _selfcheck()
    if op.get_bind().dialect.name != "sqlite":
        _circle()


def downgrade() -> None:
    """There is nothing below the first schema; going back means putting back a copy."""
    raise NotImplementedError


def _circle() -> None:
    """A conversation points to a turn, a turn to a reply: SQLite took it with the tables."""
    op.create_foreign_key(
        "fk_conversation_head_turn_id",
        "conversation",
        "turn",
        ["head_turn_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_foreign_key(
        "fk_turn_parent_reply_id", "turn", "reply", ["parent_reply_id"], ["id"], ondelete="CASCADE"
    )


def _points(
    table: str, column: str, to: str, ondelete: str = "CASCADE", use_alter: bool = False
) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint(
        [column], [f"{to}.id"], name=name, ondelete=ondelete, use_alter=use_alter
    )


def _conversation() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("persona", sa.Text(), nullable=False),
        sa.Column("scenario", sa.Text(), nullable=False),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("research", sa.Boolean(), nullable=False),
        sa.Column("train", sa.Boolean(), nullable=False),
        sa.Column("head_turn_id", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("owner <> ''", name=op.f("ck_conversation_owner")),
        _points("conversation", "head_turn_id", "turn", "SET NULL", use_alter=True),
        sa.PrimaryKeyConstraint("id", name="pk_conversation"),
    )
    op.create_index("ix_conversation_head_turn_id", "conversation", ["head_turn_id"])
    op.create_index("ix_conversation_owner_updated_at", "conversation", ["owner", "updated_at"])


def _turn() -> None:
    op.create_table(
        "turn",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("parent_reply_id", sa.Uuid()),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("crisis", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(parent_reply_id IS NULL) = (number = 1)", name=op.f("ck_turn_first")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_turn_number")),
        _points("turn", "conversation_id", "conversation"),
        _points("turn", "parent_reply_id", "reply", use_alter=True),
        sa.PrimaryKeyConstraint("id", name="pk_turn"),
    )
    op.create_index("ix_turn_conversation_id", "turn", ["conversation_id"])
    op.create_index("ix_turn_parent_reply_id", "turn", ["parent_reply_id"])


def _reply() -> None:
    op.create_table(
        "reply",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_hash", sa.Text(), nullable=False),
        sa.Column("sampling", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("request", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("turns_left_out", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("analysis", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("crisis", sa.Text()),
        sa.Column("prompt_tokens", sa.Integer()),
        sa.Column("completion_tokens", sa.Integer()),
        sa.Column("cached_tokens", sa.Integer()),
        sa.Column("first_token", sa.Float()),
        sa.Column("analysis_complete", sa.Float()),
        sa.Column("response_complete", sa.Float()),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('writing', 'complete', 'stopped', 'cut_short', 'incomplete',"
            " 'interrupted')",
            name=op.f("ck_reply_status"),
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_reply_number")),
        _points("reply", "turn_id", "turn"),
        sa.PrimaryKeyConstraint("id", name="pk_reply"),
        sa.UniqueConstraint("turn_id", "number", name="uq_reply_turn_id_number"),
    )
    op.create_index(
        "ix_reply_chosen",
        "reply",
        ["turn_id"],
        unique=True,
        sqlite_where=sa.text("chosen"),
        postgresql_where=sa.text("chosen"),
    )


def _verdict() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("perspective", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("score", sa.Float()),
        sa.Column("parts", sa.JSON(none_as_null=True)),
        sa.Column("distribution", sa.JSON(none_as_null=True)),
        sa.Column("mass", sa.Float()),
        sa.Column("reason", sa.Text()),
        sa.Column("unscored", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("judge_model", sa.Text(), nullable=False),
        sa.Column("prompt_hash", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer()),
        sa.Column("completion_tokens", sa.Integer()),
        sa.Column("cached_tokens", sa.Integer()),
        sa.Column("seconds", sa.Float()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(status = 'scored') = (score IS NOT NULL)", name=op.f("ck_verdict_scored")
        ),
        sa.CheckConstraint(
            "(status = 'unscored') = (unscored IS NOT NULL)", name=op.f("ck_verdict_unscored")
        ),
        sa.CheckConstraint("method IN ('direct', 'reasoned')", name=op.f("ck_verdict_method")),
        sa.CheckConstraint(
            "perspective IN ('resonation', 'expression', 'reception', 'bystander')",
            name=op.f("ck_verdict_perspective"),
        ),
        sa.CheckConstraint(
            "score IS NULL OR (perspective = 'bystander' AND score BETWEEN 0 AND 100)"
            " OR (perspective <> 'bystander' AND score BETWEEN 1 AND 5)",
            name=op.f("ck_verdict_score"),
        ),
        sa.CheckConstraint("status IN ('scored', 'unscored')", name=op.f("ck_verdict_status")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_verdict_number")),
        _points("verdict", "reply_id", "reply"),
        sa.PrimaryKeyConstraint("id", name="pk_verdict"),
        sa.UniqueConstraint("reply_id", "number", name="uq_verdict_reply_id_number"),
    )


def _reward() -> None:
    op.create_table(
        "reward",
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("empathy", sa.Float(), nullable=False),
        sa.Column("bystander", sa.Float(), nullable=False),
        sa.Column("length", sa.Float(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("bystander <= 0", name=op.f("ck_reward_bystander")),
        sa.CheckConstraint("empathy BETWEEN 0 AND 1", name=op.f("ck_reward_empathy")),
        sa.CheckConstraint("length <= 0", name=op.f("ck_reward_length")),
        _points("reward", "reply_id", "reply"),
        sa.PrimaryKeyConstraint("reply_id", name="pk_reward"),
    )


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("rater", sa.Text(), nullable=False),
        sa.Column("thumb", sa.Integer()),
        sa.Column("resonation", sa.Integer()),
        sa.Column("expression", sa.Integer()),
        sa.Column("reception", sa.Integer()),
        sa.Column("bystander", sa.Integer()),
        sa.Column("reasons", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("better", sa.Text()),
        sa.Column("comment", sa.Text()),
        sa.Column("other_reply_id", sa.Uuid()),
        sa.Column("preference", sa.Text()),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "preference IN ('this', 'other', 'tie', 'neither')", name=op.f("ck_feedback_preference")
        ),
        sa.CheckConstraint("rater <> ''", name=op.f("ck_feedback_rater")),
        sa.CheckConstraint(
            "(other_reply_id IS NULL) = (preference IS NULL)", name=op.f("ck_feedback_pair")
        ),
        sa.CheckConstraint("bystander BETWEEN 0 AND 100", name=op.f("ck_feedback_bystander")),
        sa.CheckConstraint("expression BETWEEN 1 AND 5", name=op.f("ck_feedback_expression")),
        sa.CheckConstraint("other_reply_id <> reply_id", name=op.f("ck_feedback_two_replies")),
        sa.CheckConstraint("reception BETWEEN 1 AND 5", name=op.f("ck_feedback_reception")),
        sa.CheckConstraint("resonation BETWEEN 1 AND 5", name=op.f("ck_feedback_resonation")),
        sa.CheckConstraint("thumb IN (-1, 1)", name=op.f("ck_feedback_thumb")),
        _points("feedback", "other_reply_id", "reply"),
        _points("feedback", "reply_id", "reply"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    op.create_index(
        "ix_feedback_one",
        "feedback",
        ["reply_id", "rater"],
        unique=True,
        sqlite_where=sa.text("other_reply_id IS NULL"),
        postgresql_where=sa.text("other_reply_id IS NULL"),
    )
    op.create_index("ix_feedback_other_reply_id", "feedback", ["other_reply_id"])
    op.create_index(
        "ix_feedback_pair",
        "feedback",
        ["reply_id", "other_reply_id", "rater"],
        unique=True,
        sqlite_where=sa.text("other_reply_id IS NOT NULL"),
        postgresql_where=sa.text("other_reply_id IS NOT NULL"),
    )


def _prompt() -> None:
    op.create_table(
        "prompt",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_prompt"),
    )


def _selfcheck() -> None:
    op.create_table(
        "selfcheck",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("judge_model", sa.Text(), nullable=False),
        sa.Column("prompt_hash", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("results", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("method IN ('direct', 'reasoned')", name=op.f("ck_selfcheck_method")),
        sa.PrimaryKeyConstraint("id", name="pk_selfcheck"),
    )
    op.create_index(
        "ix_selfcheck_judge", "selfcheck", ["judge_model", "prompt_hash", "method", "created_at"]
    )
