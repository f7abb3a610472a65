"""What one person may send: how long, how often, how much. Refusals are clear and lose nothing."""

from __future__ import annotations

import time
from collections import defaultdict, deque

from chat.settings import Settings
from perm.types import Part, PermError

MINUTE = 60.0
MAX_CANDIDATES = 8
REMEMBERED = 1000
"""Owners that are counted; beyond them, those that began nothing for a minute are forgotten."""


class Refused(PermError):
    """What was sent is not taken."""

    part = Part.INPUT


class TooOften(Refused):
    """What came too often; `seconds` from now it is taken again."""

    def __init__(self, what: str, seconds: int) -> None:
        super().__init__(what, f"Wait {seconds} s.")
        self.seconds = seconds


class Limits:
    """Lengths and a rate for each owner; counts live in memory alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._begun: defaultdict[str, deque[float]] = defaultdict(deque)

    def check_text(self, what: str, text: str) -> None:
        """Refuse a persona, scenario or message that is too long."""
        most = self._settings.max_message_chars
        if len(text) > most:
            raise Refused(
                f"The {what} has {len(text):,} characters; at most {most:,} are taken.",
                "Shorten it and send it again.",
            )

    def check_message(self, text: str) -> None:
        """Refuse a message that is empty or too long."""
        if not text.strip():
            raise Refused("The message is empty.", "Write something first.")
        self.check_text("message", text)

    def check_turns(self, number: int) -> None:
        """Refuse turn `number` (1-based) of a conversation that is at its end."""
        if number > self._settings.max_turns:
            raise Refused(
                f"This conversation has reached its {self._settings.max_turns} turns.",
                "Begin a new one; this one stays in your list.",
            )

    def check_candidates(self, count: int) -> None:
        """Refuse a number of candidates that is out of bounds."""
        if not 1 <= count <= MAX_CANDIDATES:
            raise Refused(
                f"A message gets 1 to {MAX_CANDIDATES} replies; {count} were asked for.",
                "Ask for fewer.",
            )

    def count_turn(self, owner: str, replies: int = 1) -> None:
        """Count what is begun now, each reply of it; refuse too many within a minute."""
        now = time.monotonic()
        if len(self._begun) > REMEMBERED:
            self._forget(now)
        begun = self._begun[owner]
        while begun and now - begun[0] > MINUTE:
            begun.popleft()
        most = self._settings.turns_per_minute
        if replies > most:
            raise Refused(
                f"{replies} replies at once are more than a minute's {most}.", "Ask for fewer."
            )
        if len(begun) + replies > most:
            raise TooOften("That was a lot within one minute.", round(MINUTE - (now - begun[0])))
        begun.extend([now] * replies)

    def _forget(self, now: float) -> None:
        """A visitor without a cookie is a new owner each time: memory must not grow by that."""
        counted = {
            owner: begun
            for owner, begun in self._begun.items()
            if begun and now - begun[-1] <= MINUTE
        }
        self._begun = defaultdict(deque, counted)
