"""Figures that tests and measures write down while they run, for docs/hardening.md.

A figure belongs to a claim of docs/hardening/*.toml and comes from the test or command that the
claim names: nothing else may speak for it. Figures lie one a line in test-artifacts/figures.jsonl
until `python -m tests.support.hardening` takes them over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

ROOT: Final = Path(__file__).resolve().parents[2]
FRESH: Final = ROOT / "test-artifacts" / "figures.jsonl"

Value = int | float | str


class Figure(BaseModel):
    """What was measured: `value` with `said`, the words around it. `by`: the test or command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: str
    value: Value
    said: str = ""
    by: str
    date: date
    cores: int

    def __str__(self) -> str:
        return f"{_number(self.value)} {self.said}".strip()


def _number(value: Value) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else value


def record(claim: str, value: Value, said: str = "", *, by: str, to: Path = FRESH) -> Figure:
    """Write a figure down; several processes may do so at once."""
    figure = Figure(
        claim=claim,
        value=value,
        said=said,
        by=by,
        date=datetime.now(UTC).date(),
        cores=len(os.sched_getaffinity(0)),
    )
    to.parent.mkdir(exist_ok=True)
    descriptor = os.open(to, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    try:
        os.write(descriptor, f"{figure.model_dump_json()}\n".encode())
    finally:
        os.close(descriptor)
    return figure


def read(path: Path) -> Iterator[Figure]:
    """The figures of a file, oldest first; none where there is no file."""
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            yield Figure.model_validate_json(line)
