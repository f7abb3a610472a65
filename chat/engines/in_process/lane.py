"""The calls of one priority: they wait, are read, and then write together, a token at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from chat.engines.in_process.calls import Call
from chat.engines.in_process.loading import Loaded
from chat.engines.in_process.prefixes import Prefixes
from chat.engines.in_process.row import Row
from chat.engines.in_process.rows import Rows
from perm.types import EngineError

MOST_ROWS: Final = 8
"""Calls that are served at once; more wait."""

WORTH_KEEPING: Final = 8
"""Tokens that a call must have read anew for its keys and values to be kept."""


class Lane:
    """One step reads a piece of a prompt, or writes one token for every row, or both.

    `patient`: what waits is read before anything is written, so that all write together; else both
    are done in each step, and nobody's stream stands still. Prompts are read together where that
    is quicker (`loaded.reads_together`), else one after another.
    """

    def __init__(self, loaded: Loaded, prefixes: Prefixes, *, patient: bool) -> None:
        self._loaded = loaded
        self._prefixes = prefixes
        self._patient = patient
        self._waiting: deque[Call] = deque()
        self._reading: Rows | None = None
        self._writing: Rows | None = None

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._reading or self._writing)

    @property
    def reads(self) -> bool:
        """Whether somebody's first token is still to come."""
        return bool(self._waiting or self._reading)

    def add(self, call: Call) -> None:
        self._waiting.append(call)

    def step(self) -> None:
        """A piece of work that takes no longer than a piece of a prompt and one token."""
        self._drop_cancelled()
        if self._reading is None:
            self._reading = self._begun()
        reads = self._reading is not None
        if self._reading is not None:
            self._read(self._reading)
        if self._writing is not None and not (self._patient and reads):
            self._write(self._writing)

    def fail(self, error: EngineError, *, waiting: bool = False) -> None:
        """End what is being served, and what waits as well where `waiting`."""
        for rows in self._batches():
            for row in rows.rows:
                row.call.tell(error)
        self._reading = self._writing = None
        if waiting:
            for call in self._waiting:
                call.tell(error)
            self._waiting.clear()

    def _begun(self) -> Rows | None:
        """The next call, or the next few, with what is known of their prompts."""
        room = MOST_ROWS - (len(self._writing.rows) if self._writing else 0)
        if not self._loaded.reads_together:
            room = min(room, 1)
        rows: list[Row] = []
        while self._waiting and len(rows) < room:
            call = self._waiting.popleft()
            try:
                rows.append(Row(call, self._loaded.prompt(call.messages), self._loaded))
            except EngineError as error:
                call.tell(error)
        known = []
        for row in rows:
            row.cached, layers = self._prefixes.longest(
                row.tokens, len(row.tokens) - 1, row.adapter
            )
            row.fed = row.cached
            known.append(layers)
        return Rows(self._loaded, rows, known) if rows else None

    def _read(self, rows: Rows) -> None:
        """One piece. Those with less to read begin later, so that all are through together."""
        left = max(len(row.unread) for row in rows.rows)
        later = max(0, left - self._loaded.piece)
        pieces = [row.unread[: max(0, len(row.unread) - later)] for row in rows.rows]
        scores = rows.feed(pieces)
        if later:
            return
        self._reading = None
        for row, own in zip(rows.rows, scores, strict=True):
            row.take(own)
        self._let_go(rows, [row for row in rows.rows if row.over])
        if rows.rows and self._writing is not None:
            self._writing.join(rows)
        elif rows.rows:
            self._writing = rows

    def _write(self, rows: Rows) -> None:
        scores = rows.feed([row.unread for row in rows.rows])
        for row, own in zip(rows.rows, scores, strict=True):
            row.take(own)
        self._let_go(rows, [row for row in rows.rows if row.over])
        if not rows.rows:
            self._writing = None

    def _drop_cancelled(self) -> None:
        self._waiting = deque(call for call in self._waiting if not call.cancelled)
        for rows in self._batches():
            self._let_go(rows, [row for row in rows.rows if row.call.cancelled])
        if self._reading is not None and not self._reading.rows:
            self._reading = None
        if self._writing is not None and not self._writing.rows:
            self._writing = None

    def _let_go(self, rows: Rows, gone: list[Row]) -> None:
        """Take rows out, and keep what they read: a call that is put back goes on from there."""
        if not gone:
            return
        for row in gone:
            if row.fed - row.cached >= WORTH_KEEPING:
                self._prefixes.keep(row.tokens[: row.fed], rows.layers_of(row), row.adapter)
        rows.leave(gone)

    def _batches(self) -> Iterator[Rows]:
        yield from (rows for rows in (self._reading, self._writing) if rows is not None)
