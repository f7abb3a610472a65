"""When a break is offered in a long talk: one calm line, never in the way, never a pull to stay.

A sitting is what was said without a long pause before it; going away for half an hour is a break,
and after one the count begins anew. Pure: the times of the messages decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from pydantic import Field

from perm.types import Value

A_BREAK: Final = timedelta(minutes=30)
"""A pause of this length ends a sitting."""


class Rest(Value):
    """After how many turns, and after how many minutes, of one sitting; 0 is never."""

    after_turns: int = Field(default=25, ge=0)
    after_minutes: int = Field(default=45, ge=0)

    def due(self, said: Sequence[datetime]) -> bool:
        """Whether a break is offered after the last of these messages (oldest first).

        It is offered with the turn that reaches a mark, and again with the one that reaches the
        next; with no other, so that it does not become a nagging.
        """
        sitting = _sitting(said)
        if len(sitting) < 2:
            return False
        by_turns = self.after_turns > 0 and len(sitting) % self.after_turns == 0
        return by_turns or self._marks(sitting) > self._marks(sitting[:-1])

    def _marks(self, sitting: Sequence[datetime]) -> int:
        """How many marks of time its last message has passed."""
        if self.after_minutes == 0:
            return 0
        return (sitting[-1] - sitting[0]) // timedelta(minutes=self.after_minutes)


def _sitting(said: Sequence[datetime]) -> Sequence[datetime]:
    begin = max(
        (place for place, (one, next_) in enumerate(pairwise(said), 1) if next_ - one >= A_BREAK),
        default=0,
    )
    return said[begin:]
