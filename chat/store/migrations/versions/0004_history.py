"""The shelf, on which replies are found again; tags and notes. Comes after 0006.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _shelf()
    _tag()
    _note()
    op.execute(FILL)
    op.create_index(
        "ix_shelf_order",
        "shelf",
        [
            *("owner", "created_at", "reply_id", "status", "scored", "reward", "thumb", "rated"),
            *("resonation", "expression", "reception", "bystander", "conversation_id"),
            *("model", "judge"),
        ],
    )
    op.create_index("ix_shelf_conversation_id", "shelf", ["conversation_id"])


def downgrade() -> None:
    """The tables are dropped with what they hold; going back means putting back a copy."""
    raise NotImplementedError


def _points(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete="CASCADE")


def _shelf() -> None:
    op.create_table(
        "shelf",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("judge", sa.Text(), nullable=True),
        sa.Column("resonation", sa.Float(), nullable=True),
        sa.Column("expression", sa.Float(), nullable=True),
        sa.Column("reception", sa.Float(), nullable=True),
        sa.Column("bystander", sa.Float(), nullable=True),
        sa.Column("scored", sa.Integer(), nullable=False),
        sa.Column("reward", sa.Float(), nullable=True),
        sa.Column("thumb", sa.Integer(), nullable=True),
        sa.Column("rated", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.CheckConstraint("rated IN (0, 1)", name=op.f("ck_shelf_rated")),
        sa.CheckConstraint("scored BETWEEN 0 AND 4", name=op.f("ck_shelf_scored")),
        sa.CheckConstraint(
            "status IN ('writing', 'complete', 'stopped', 'cut_short', 'incomplete',"
            " 'interrupted')",
            name=op.f("ck_shelf_status"),
        ),
        _points("shelf", "conversation_id", "conversation"),
        _points("shelf", "reply_id", "reply"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelf")),
        sa.UniqueConstraint("reply_id", name=op.f("uq_shelf_reply_id")),
    )


def _tag() -> None:
    op.create_table(
        "tag",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_tag_name")),
        _points("tag", "conversation_id", "conversation"),
        sa.PrimaryKeyConstraint("conversation_id", "name", name=op.f("pk_tag")),
    )
    op.create_index("ix_tag_name", "tag", ["name", "conversation_id"])


def _note() -> None:
    op.create_table(
        "note",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        _points("note", "conversation_id", "conversation"),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_note")),
    )


# What was said and judged before there was a shelf. Binding as in `perm.types.binding`.
FILL = """
WITH ranked AS (
    SELECT reply_id, perspective, score, judge_model, number, row_number() OVER (
        PARTITION BY reply_id, perspective
        ORDER BY CASE status WHEN 'scored' THEN 1 ELSE 0 END DESC,
            CASE method WHEN 'direct' THEN 1 ELSE 0 END DESC, number DESC
    ) AS place
    FROM verdict
),
bound AS (
    SELECT reply_id, perspective, score, judge_model, row_number() OVER (
        PARTITION BY reply_id ORDER BY number DESC
    ) AS latest
    FROM ranked WHERE place = 1
),
scores AS (
    SELECT reply_id,
        max(CASE perspective WHEN 'resonation' THEN score END) AS resonation,
        max(CASE perspective WHEN 'expression' THEN score END) AS expression,
        max(CASE perspective WHEN 'reception' THEN score END) AS reception,
        max(CASE perspective WHEN 'bystander' THEN score END) AS bystander,
        count(score) AS scored,
        max(CASE latest WHEN 1 THEN judge_model END) AS judge
    FROM bound GROUP BY reply_id
)
INSERT INTO shelf (reply_id, conversation_id, owner, created_at, status, model, judge, resonation,
    expression, reception, bystander, scored, reward, thumb, rated, words)
SELECT reply.id, conversation.id, conversation.owner, reply.created_at, reply.status, reply.model,
    scores.judge, scores.resonation, scores.expression, scores.reception, scores.bystander,
    coalesce(scores.scored, 0), reward.total, feedback.thumb,
    CASE WHEN feedback.thumb IS NULL AND feedback.resonation IS NULL
        AND feedback.expression IS NULL AND feedback.reception IS NULL
        AND feedback.bystander IS NULL AND feedback.better IS NULL AND feedback.comment IS NULL
        AND coalesce(CAST(feedback.reasons AS TEXT), '[]') = '[]' THEN 0 ELSE 1 END,
    substr(turn.message
        || CASE reply.response WHEN '' THEN '' ELSE '\n' || reply.response END
        || CASE reply.analysis WHEN '' THEN '' ELSE '\n' || reply.analysis END
        || CASE WHEN turn.number > 1 OR conversation.title = '' THEN ''
            ELSE '\n' || conversation.title END
        || CASE conversation.persona WHEN '' THEN '' ELSE '\n' || conversation.persona END
        || CASE conversation.scenario WHEN '' THEN '' ELSE '\n' || conversation.scenario END,
        1, 200000)
FROM reply
JOIN turn ON turn.id = reply.turn_id
JOIN conversation ON conversation.id = turn.conversation_id
LEFT JOIN scores ON scores.reply_id = reply.id
LEFT JOIN reward ON reward.reply_id = reply.id
LEFT JOIN feedback ON feedback.reply_id = reply.id AND feedback.rater = conversation.owner
    AND feedback.other_reply_id IS NULL
ORDER BY reply.created_at
"""
