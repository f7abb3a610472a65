"""A file of records scored into a file of verdicts; it may be broken off and gone on with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from chat.scoring.outfile import Key, OutFile, digest, key_of
from chat.scoring.records import BadRecord, Record, read_line
from chat.scoring.scorer import Scored, Scorer, as_line
from perm.types import Perspective

GIVE_UP_AFTER: Final = 5
"""Records in a row for which every judge call failed: the judge is gone, so the run ends."""


class Watcher(Protocol):
    """Who is told how it goes."""

    def advanced(self) -> None:
        """One more line is dealt with."""

    def bad_line(self, number: int, why: str) -> None:
        """A line that cannot be scored; the rest goes on."""


@dataclass
class Summary:
    """Where every line has gone: lines = blank + bad + already + judged, unless it gave up."""

    lines: int = 0
    blank: int = 0
    bad: int = 0
    already: int = 0  # done by an earlier run
    judged: int = 0
    unrewarded: int = 0  # of those judged: fewer than four scores, hence no reward
    gave_up: str | None = None  # why the run ended before the file did

    @property
    def all_done(self) -> bool:
        """Whether every record of IN has its line in OUT."""
        return self.gave_up is None and self.bad == 0


class ScoreRun:
    """One run. `calls`: judge calls at once; as many records are open as keep those busy."""

    def __init__(
        self,
        scorer: Scorer,
        out: OutFile,
        watcher: Watcher,
        calls: int,
        *,
        raw: bool = False,
    ) -> None:
        """`raw`: also write what the judge said, word for word."""
        self.summary = Summary()
        self._scorer = scorer
        self._out = out
        self._watcher = watcher
        # Twice as many as fill the seats: a record whose last call is slow holds one seat alone.
        self._open_records = 2 * calls // len(Perspective) + 1
        self._raw = raw
        self._done: set[Key] = set()
        self._ids: dict[str | int, int] = {}
        self._failures = 0

    async def run(self, source: Path) -> Summary:
        """Score what is not scored yet. Raises `OutError`, or `BadRecord` if IN cannot be read."""
        try:
            lines = source.open("rb")
        except OSError as error:
            raise BadRecord(
                f"{source} cannot be read: {error.strerror}.", "Check its name."
            ) from None
        with lines:
            self._done = self._out.open()
            try:
                await self._work_through(enumerate(lines, start=1))
            finally:
                self._out.close()
        return self.summary

    async def _work_through(self, lines: Iterator[tuple[int, bytes]]) -> None:
        workers = [asyncio.ensure_future(self._worker(lines)) for _ in range(self._open_records)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _worker(self, lines: Iterator[tuple[int, bytes]]) -> None:
        while self.summary.gave_up is None and (line := next(lines, None)) is not None:
            await self._take(*line)
            self.summary.lines += 1
            self._watcher.advanced()

    async def _take(self, number: int, line: bytes) -> None:
        if not line.strip():
            self.summary.blank += 1
            return
        try:
            record = self._read(number, line)
        except BadRecord as error:
            self.summary.bad += 1
            self._watcher.bad_line(number, error.what)
            return
        content = digest(line)
        if key_of(record.id, number, content) in self._done:
            self.summary.already += 1
            return
        scored = await self._scorer.score(record)
        head = {"id": record.id, "line": number, "input": content}
        self._out.append({**head, **as_line(scored, raw=self._raw)})
        self._count(scored)

    def _read(self, number: int, line: bytes) -> Record:
        record = read_line(line)
        if record.id is not None:
            first = self._ids.setdefault(record.id, number)
            if first != number:
                raise BadRecord(f"its id was already used on line {first}.")
        return record

    def _count(self, scored: Scored) -> None:
        self.summary.judged += 1
        self.summary.unrewarded += scored.reward is None
        self._failures = self._failures + 1 if scored.failed_wholly else 0
        if self._failures >= GIVE_UP_AFTER:
            why = next(verdict.error for verdict in scored.verdicts.values())
            self.summary.gave_up = why or "every call failed"
