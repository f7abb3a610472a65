"""What is known of a checkpoint while it is being examined."""

from __future__ import annotations

from dataclasses import dataclass, field

from perm.checkpoint.report import Kind, Problem


@dataclass
class Findings:
    """Filled step by step, so that what was found before a step failed is told all the same."""

    kind: Kind = Kind.UNKNOWN
    architecture: str = ""
    base_model: str | None = None
    found: int | None = None
    expected: int | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
