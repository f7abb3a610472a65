"""Tables for finding again: the shelf, tags and notes.

The shelf has one row a reply with what History filters and searches by, brought up to date in the
transaction that changes it (`chat.store.shelf`). It repeats what other tables say, so that a page
of a hundred thousand turns needs one index and no join.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
)

from chat.store.columns import Moment, Name, Number, Words
from chat.store.records import ReplyStatus
from chat.store.tables import metadata, one_of

shelf: Final = Table(
    "shelf",
    metadata,
    Column("id", Integer, primary_key=True),  # the search index's own key: VACUUM keeps it
    Column("reply_id", ForeignKey("reply.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column(
        "conversation_id",
        ForeignKey("conversation.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("owner", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("status", Name, nullable=False),
    Column("model", Name, nullable=False),
    Column("judge", Name),  # of the latest binding verdict
    Column("resonation", Number),  # these four: the binding scores, NULL where there is none
    Column("expression", Number),
    Column("reception", Number),
    Column("bystander", Number),
    Column("scored", Integer, nullable=False),  # how many of the four
    Column("reward", Number),
    Column("thumb", Integer),  # these two: the owner's own feedback
    Column("rated", Integer, nullable=False),
    Column("words", Words, nullable=False),  # everything that a search looks at
    CheckConstraint("scored BETWEEN 0 AND 4", name="scored"),
    CheckConstraint("rated IN (0, 1)", name="rated"),
    one_of("status", ReplyStatus),
    Index(
        "ix_shelf_order",
        *("owner", "created_at", "reply_id", "status", "scored", "reward", "thumb", "rated"),
        *("resonation", "expression", "reception", "bystander", "conversation_id"),
        *("model", "judge"),  # all that is filtered by, so that no filter reads the words
    ),
)

tag: Final = Table(
    "tag",
    metadata,
    Column("conversation_id", ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False),
    Column("name", Words, nullable=False),
    PrimaryKeyConstraint("conversation_id", "name"),
    CheckConstraint("name <> ''", name="name"),
    Index("ix_tag_name", "name", "conversation_id"),
)

note: Final = Table(
    "note",
    metadata,
    Column("conversation_id", ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True),
    Column("text", Words, nullable=False),
    Column("saved_at", Moment, nullable=False),
)
