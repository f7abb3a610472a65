"""The table of invitations: other people may rate one conversation's replies."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, Table

from chat.store.columns import Moment, Name
from chat.store.tables import metadata

invitation: Final = Table(
    "invitation",
    metadata,
    Column("conversation_id", ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True),
    Column("token", Name, nullable=False, unique=True),  # whoever has it may read and rate
    Column("with_analysis", Boolean, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
)
