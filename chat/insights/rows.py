"""What the figures are made from, as the store gives it: no texts, only numbers."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pydantic import Field

from perm.types import Method, Perspective, Value


class ScoredReply(Value):
    """A reply that came to its end. `scores`: the binding ones; a missing perspective has none."""

    reply_id: UUID
    model: str
    scores: Mapping[Perspective, float] = Field(default_factory=dict)
    reward: float | None = None
    first_token: float | None = None  # these two: seconds since the turn began
    complete: float | None = None


class HumanRating(Value):
    """What one rater gave one reply: the judge's own scales, and a thumb of -1 or 1."""

    reply_id: UUID
    rater: str
    scores: Mapping[Perspective, float] = Field(default_factory=dict)
    thumb: int | None = None


class VerdictTime(Value):
    """How long one judge call took."""

    method: Method
    seconds: float


class Evidence(Value):
    """`more`: whether older replies were left out, since only so many are looked at."""

    replies: tuple[ScoredReply, ...] = ()
    ratings: tuple[HumanRating, ...] = ()
    times: tuple[VerdictTime, ...] = ()
    more: bool = False
