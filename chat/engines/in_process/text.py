"""Tokens into text as they come, up to a stop word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

Decode = Callable[[Sequence[int]], str]

CONTEXT: Final = 6
"""Tokens of the prompt that are decoded along: some vocabularies drop a first space."""

BROKEN: Final = "\ufffd"
"""What half a character decodes to."""


class Reader:
    """Gives the text that each token adds. What may be the beginning of a stop word waits."""

    def __init__(self, decode: Decode, prompt: Sequence[int], stop: Sequence[str]) -> None:
        self._decode = decode
        self._ids = list(prompt[-CONTEXT:])
        self._start, self._read = 0, len(self._ids)
        self._stop = tuple(word for word in stop if word)
        self._held = ""
        self.stopped = False

    def add(self, token: int) -> str:
        """The text that is certain now. Empty once a stop word has come."""
        self._ids.append(token)
        before = self._decode(self._ids[self._start : self._read])
        now = self._decode(self._ids[self._start :])
        if now.endswith(BROKEN) or len(now) <= len(before):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return self._certain(now[len(before) :])

    def finish(self) -> str:
        """What was still held back, half characters as U+FFFD."""
        if self.stopped:
            return ""
        before = self._decode(self._ids[self._start : self._read])
        now = self._decode(self._ids[self._start :])
        self._start = self._read = len(self._ids)
        held, self._held = self._certain(now[len(before) :]) + self._held, ""
        return held

    def _certain(self, more: str) -> str:
        text = self._held + more
        ends = [at for word in self._stop if (at := text.find(word)) >= 0]
        if ends:
            self.stopped = True
            self._held = ""
            return text[: min(ends)]
        keep = max((_overlap(text, word) for word in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, word: str) -> int:
    """How many characters at the end of the text may begin the word."""
    most = min(len(text), len(word) - 1)
    return next((size for size in range(most, 0, -1) if text.endswith(word[:size])), 0)
