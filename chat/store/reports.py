"""What the store says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from chat.store.export_records import ExportRecord
from perm.types import Value


class StoreHealth(Value):
    """The state of the store, for `doctor` and `/healthz`.

    `detail` says in words for people what is wrong, or that all is well. `integrity`: "ok", what is
    damaged, or "not looked at" where only a quick look was asked for. `rows`: by table.
    """

    ok: bool
    detail: str
    database: str = ""  # SQLite 3.40.1, PostgreSQL 15.8
    place: str = ""  # the file, memory, or the database and its server
    schema_version: str = ""
    journal_mode: str = ""  # SQLite: wal; empty elsewhere
    integrity: str = "not looked at"
    rows: Mapping[str, int] = Field(default_factory=dict)


class Deletion(Value):
    """What became of something that was deleted. Its rows are gone in any case.

    `purged`: no byte of it can be read any more in the database's files. Where that had to wait,
    `detail` says why; it is tried again with the next deletion, at the end and at the next start.
    `copies`: backup copies beside the database, which may still hold it. `exports`: those that had
    contained it; what was handed out is out of this program's reach.
    """

    purged: bool
    detail: str = ""
    copies: tuple[str, ...] = ()
    exports: tuple[ExportRecord, ...] = ()
