"""What the store says of itself, and of the SQLite it stands on."""

from __future__ import annotations

import sqlite3

import pytest

from chat.store import Store, sqlite_report
from chat.store.tables import metadata
from tests.store.samples import begin, talk
from tests.store.test_schema import HEAD


async def test_health_of_a_sound_store(store: Store) -> None:
    await talk(store, (await begin(store)).id, 2)
    for thorough in (False, True):
        health = await store.check(thorough=thorough)
        assert health.ok
        assert health.detail == "All is well."
        assert health.schema_version == HEAD
        assert health.place == str(store._database.location)
        assert health.rows == dict.fromkeys(metadata.tables, 0) | {
            "conversation": 1,
            "turn": 2,
            "reply": 2,
            "shelf": 2,
        }
    if health.database.startswith("SQLite"):
        assert health.integrity == "ok"
        assert health.journal_mode in ("wal", "memory")
    else:
        assert health.database.startswith("PostgreSQL ")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("version", "mended_in"),
    [
        ("3.40.1", ["3.51.3", "3.45.3", "3.45.3", "3.50.2"]),
        ("3.44.5", ["3.51.3", "3.45.3", "3.45.3", "3.50.2"]),
        ("3.44.6", ["3.45.3", "3.45.3", "3.50.2"]),
        ("3.45.3", ["3.51.3", "3.50.2"]),
        ("3.50.6", ["3.51.3"]),
        ("3.50.7", []),
        ("3.51.0", ["3.51.3"]),
        ("3.51.2", ["3.51.3"]),
        ("3.51.3", []),
        ("3.53.0", []),
        ("3.53", []),
        ("3.34.1", ["3.35.0", "3.51.3", "3.45.3", "3.50.2"]),
    ],
)
def test_known_faults_by_version(version: str, mended_in: list[str]) -> None:
    report = sqlite_report(version)
    assert [mended for mended, _ in report] == mended_in
    assert all(note.endswith(".") for _, note in report)


@pytest.mark.unit
def test_the_report_is_of_the_sqlite_in_use() -> None:
    assert sqlite_report() == sqlite_report(sqlite3.sqlite_version)
