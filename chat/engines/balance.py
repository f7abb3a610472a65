"""Which of several servers a call goes to: the one that has read its beginning, unless it is busy.

Pure bookkeeping: no clock of its own, no network. A server that failed rests for a while, longer
each time, and is then tried again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from langchain_core.messages import BaseMessage

BLOCK: Final = 256
"""Characters that a beginning is compared by."""

REMEMBERED: Final = 50_000
"""Blocks whose server is remembered: some thousands of prompts."""

SLACK: Final = 3
"""Calls by which the server that knows the beginning may be busier than the least busy one."""

FIRST_REST: Final = 5.0
LONGEST_REST: Final = 120.0


class Balance:
    """Counts calls and failures of `size` servers, by their number. `now` gives seconds."""

    def __init__(self, size: int, now: Callable[[], float]) -> None:
        self._now = now
        self.calls = [0] * size  # under way
        self._failures = [0] * size  # in a row
        self._rests_until = [0.0] * size
        self._known: OrderedDict[int, int] = OrderedDict()  # a beginning, and who read it last

    def order(self, prompt: Sequence[BaseMessage], among: Sequence[int]) -> list[int]:
        """The servers in the order in which they should be tried; resting ones last."""
        awake = [one for one in among if not self.rests(one)]
        asleep = sorted(set(among) - set(awake), key=lambda one: self._rests_until[one])
        least = min((self.calls[one] for one in awake), default=0)
        reader = self._reader(prompt)
        knows = reader in awake and self.calls[reader] <= least + SLACK

        def rank(one: int) -> tuple[bool, int]:
            return not (knows and one == reader), self.calls[one]

        return [*sorted(awake, key=rank), *asleep]

    def rests(self, server: int) -> bool:
        return self._now() < self._rests_until[server]

    def reads(self, server: int, prompt: Sequence[BaseMessage]) -> None:
        """Note that this server has the prompt in its cache from now on."""
        for beginning in _beginnings(prompt):
            self._known[beginning] = server
            self._known.move_to_end(beginning)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def answered(self, server: int) -> None:
        self._failures[server], self._rests_until[server] = 0, 0.0

    def failed(self, server: int, rest: float | None = None) -> None:
        """Leave it out for a while; `rest`: seconds, where it said so itself."""
        wait = min(FIRST_REST * 2 ** self._failures[server], LONGEST_REST)
        self._failures[server] += 1
        self._rests_until[server] = self._now() + (wait if rest is None else max(rest, 1.0))

    def _reader(self, prompt: Sequence[BaseMessage]) -> int:
        """Who read the longest beginning of it; -1 where nobody did."""
        found = -1
        for beginning in _beginnings(prompt):
            if beginning not in self._known:
                break
            found = self._known[beginning]
        return found


def _beginnings(prompt: Sequence[BaseMessage]) -> Iterator[int]:
    """A number for each beginning of the prompt, block by block."""
    text = "".join(f"{message.type}\0{message.text}\0" for message in prompt)
    start = 0
    for at in range(0, len(text) - BLOCK + 1, BLOCK):
        start = hash((start, text[at : at + BLOCK]))
        yield start
