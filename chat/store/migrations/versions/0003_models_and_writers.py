"""Which model a conversation was begun with, and which app process writes in it.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversation", sa.Column("model", sa.Text()))
    op.add_column("conversation", sa.Column("writer", sa.Text()))
    op.add_column("conversation", sa.Column("writer_seen", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_conversation_writer",
        "conversation",
        ["writer"],
        sqlite_where=sa.text("writer IS NOT NULL"),
        postgresql_where=sa.text("writer IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_conversation_writer", "conversation")
    for column in ("writer_seen", "writer", "model"):
        op.drop_column("conversation", column)
