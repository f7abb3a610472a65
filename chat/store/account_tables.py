"""The tables of accounts and of the logins that are open. No password and no cookie is in them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, Uuid

from chat.store.account_records import Role
from chat.store.columns import Moment, Name
from chat.store.tables import metadata, one_of

account: Final = Table(
    "account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Name, nullable=False),
    Column("name_key", Name, nullable=False, unique=True),  # the name, whatever its letters' case
    Column("password_hash", Name, nullable=False),
    Column("role", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("name <> ''", name="name"),
    one_of("role", Role),
)

login: Final = Table(
    "login",
    metadata,
    Column("digest", Name, primary_key=True),  # of the cookie, which is nowhere else
    Column(
        "account_id",
        ForeignKey("account.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
