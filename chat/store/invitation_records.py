"""What is given and taken where other people rate a conversation."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from chat.store.records import FeedbackInput
from perm.types import Value


class Invitation(Value):
    """A link to one conversation's replies. `with_analysis`: raters read it, and rate resonation.

    `raters`: how many have rated something, the owner not among them.
    """

    conversation_id: UUID
    token: str
    with_analysis: bool
    closed: bool
    created_at: datetime
    raters: int = 0


class ToRate(Value):
    """One turn as a rater sees it: texts alone, and what this rater said before.

    `analysis` is None where the invitation does not show it.
    """

    reply_id: UUID
    number: int  # the turn's, from 1
    message: str
    response: str
    analysis: str | None = None
    crisis: str | None = None
    given: FeedbackInput | None = None


class Invited(Value):
    """What an invitation leads to. `closed`: it takes no more ratings."""

    persona: str
    scenario: str
    with_analysis: bool
    closed: bool
    turns: tuple[ToRate, ...]
