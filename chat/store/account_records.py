"""Accounts of a shared server, as they are given and taken."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from perm.types import Value


class Role(StrEnum):
    """An administrator may export everybody's conversations, and reads nobody's otherwise."""

    PERSON = "person"
    ADMINISTRATOR = "administrator"


class Account(Value):
    """Somebody who may log in. What they say belongs to `owner`, never to the name: a name that
    was removed can be given again, to somebody else.
    """

    id: UUID
    name: str
    role: Role
    created_at: datetime

    @property
    def owner(self) -> str:
        return self.id.hex

    @property
    def administrator(self) -> bool:
        return self.role is Role.ADMINISTRATOR


class AccountSummary(Value):
    """An account with what hangs on it."""

    account: Account
    logins: int  # that are open now
    conversations: int
