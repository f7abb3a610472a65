"""Which exports there were, and what each contained.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("owner <> ''", name=op.f("ck_export_owner")),
        sa.CheckConstraint("row_count >= 1", name=op.f("ck_export_row_count")),
        sa.CheckConstraint("purpose IN ('train', 'research')", name=op.f("ck_export_purpose")),
        sa.PrimaryKeyConstraint("id", name="pk_export"),
    )
    op.create_index("ix_export_owner_created_at", "export", ["owner", "created_at"])
    op.create_table(
        "export_item",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.CheckConstraint("row_count >= 1", name=op.f("ck_export_item_row_count")),
        sa.ForeignKeyConstraint(
            ["export_id"],
            ["export.id"],
            name=op.f("fk_export_item_export_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("export_id", "conversation_id", name="pk_export_item"),
    )
    op.create_index("ix_export_item_conversation_id", "export_item", ["conversation_id"])


def downgrade() -> None:
    """Going back means putting back a copy."""
    raise NotImplementedError
