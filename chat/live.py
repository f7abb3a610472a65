"""Provisional scores at sentence ends while a Response is being written; the newest sentence wins.

They are told as `ProvisionalScore` and kept nowhere. Nothing waits for them: a sentence whose call
would have to wait is passed over, and what is under way when the reply ends is given up. A judge
that fails is not asked again before the verdicts are due.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final

from perm.types import EngineError, Perspective

LIVE: Final = (Perspective.EXPRESSION, Perspective.RECEPTION)
"""Who can say something of half a Response. The bystander's parts need the whole of it."""

_SENTENCE_END: Final = re.compile(
    r"""[.!?…]["'”’»)\]*_]*(?=\s) | [。！？।॥؟۔]["'”’」』）]* | \n""", re.VERBOSE
)

Ask = Callable[[Perspective, str], Awaitable[None]]
"""Judge this beginning of the Response from that seat, and tell the score."""


class LiveScores:
    """Follows one Response. For each perspective at most one call is under way."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._response = ""
        self._whole = 0  # up to where it consists of whole sentences
        self._calls: dict[Perspective, asyncio.Task[None]] = {}
        self._ended = False

    def hear(self, piece: str) -> None:
        """The next piece of the Response."""
        if self._ended:
            return
        # The mark that ends a sentence may be the last that came before.
        start = max(self._whole, len(self._response) - 8)
        self._response += piece
        ends = [found.end() for found in _SENTENCE_END.finditer(self._response, start)]
        if not ends or not self._response[: ends[-1]].strip() or ends[-1] <= self._whole:
            return
        self._whole = ends[-1]
        for one in LIVE:
            if one not in self._calls or self._calls[one].done():
                self._calls[one] = asyncio.create_task(self._follow(one))

    async def end(self) -> None:
        """The reply is written, or broke off: nothing provisional is told from here on."""
        self._ended = True
        for call in self._calls.values():
            call.cancel()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)

    async def _follow(self, perspective: Perspective) -> None:
        """Judge what is there, and again as long as more has come meanwhile."""
        judged = 0
        while judged < self._whole:
            judged = self._whole
            try:
                await self._ask(perspective, self._response[:judged].strip())
            except EngineError:
                self._ended = True  # the final verdict will say what is wrong
                return
