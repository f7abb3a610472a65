"""Known faults of the SQLite that Python brings, as far as they touch this program.

Sources: sqlite.org/changes.html, sqlite.org/wal.html (section on the WAL-reset bug),
sqlite.org/cves.html. Distributions mend faults without changing the number, so a fault named here
may already be mended; what is certain is that a version at or above the mended one has it not.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

Version = tuple[int, int, int]


class Fault(NamedTuple):
    """A fault from version `since` on, mended in `mended` and in the branches named."""

    since: Version
    mended: Version
    note: str
    branches: tuple[Version, ...] = ()

    def touches(self, version: Version) -> bool:
        ported = any(version[:2] == branch[:2] and version >= branch for branch in self.branches)
        return self.since <= version < self.mended and not ported


FAULTS: Final = (
    Fault(
        (3, 7, 0),
        (3, 51, 3),
        "WAL-reset fault: in rare cases a database is damaged if two connections write or"
        " checkpoint at the same instant. This program writes through one connection only, so it"
        " takes a second program that writes to the same file. Only a newer SQLite rules it out.",
        ((3, 44, 6), (3, 50, 7)),
    ),
    Fault(
        (3, 35, 0),
        (3, 45, 3),
        "A query planner's shortcut around NOT NULL can give wrong results in rare queries. None is"
        " known to be among this program's own; it matters for queries of your own on the file.",
    ),
    Fault(
        (3, 24, 0),
        (3, 45, 3),
        "A trigger that an upsert sets off may see wrong old values. This program has no triggers.",
    ),
    Fault(
        (0, 0, 0),
        (3, 50, 2),
        "CVE-2025-6965: an SQL statement made for it can corrupt memory. This program takes no SQL"
        " from outside; do not open the file with statements that you do not trust.",
    ),
)

OLDEST: Final = (3, 35, 0)
"""The first with RETURNING, which the store needs."""


def sqlite_report(version: str = sqlite3.sqlite_version) -> list[tuple[str, str]]:
    """The faults of a SQLite version as (mended in, note), those that matter most first.

    Without an argument: of the SQLite that this Python uses. Empty means that none is known here.
    """
    numbers = [int(part) for part in version.split(".")[:3]]
    has: Version = (numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 0)
    report = [(_text(fault.mended), fault.note) for fault in FAULTS if fault.touches(has)]
    if has < OLDEST:
        report.insert(0, (_text(OLDEST), "Too old: the store needs RETURNING. Use a newer Python."))
    return report


def _text(version: Version) -> str:
    return ".".join(map(str, version))
