"""What is made from the tables and holds nothing of its own: views, and the index for searching.

Made anew after every change of the schema, so a script in `migrations/` need not know of it.
Whoever changes something here adds a revision, if only an empty one.

SQLite searches with FTS5 over the shelf's words (external content, kept by triggers), PostgreSQL
with a GIN index over `to_tsvector`. Both use the plain words: conversations are in any language.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, inspect

from chat.store.views import VIEWS

FTS: Final = "shelf_search"

_SQLITE: Final = (
    "CREATE VIRTUAL TABLE shelf_search USING fts5(words, content='shelf', content_rowid='id',"
    " detail=none, prefix='3 4 5', tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER shelf_search_added AFTER INSERT ON shelf BEGIN"
    " INSERT INTO shelf_search(rowid, words) VALUES (new.id, new.words); END",
    "CREATE TRIGGER shelf_search_removed AFTER DELETE ON shelf BEGIN"
    " INSERT INTO shelf_search(shelf_search, rowid, words)"
    " VALUES ('delete', old.id, old.words); END",
    "CREATE TRIGGER shelf_search_changed AFTER UPDATE OF words ON shelf"
    " WHEN old.words IS NOT new.words BEGIN"
    " INSERT INTO shelf_search(shelf_search, rowid, words)"
    " VALUES ('delete', old.id, old.words);"
    " INSERT INTO shelf_search(rowid, words) VALUES (new.id, new.words); END",
    "INSERT INTO shelf_search(shelf_search) VALUES ('rebuild')",
)
_POSTGRES: Final = ("CREATE INDEX shelf_search ON shelf USING gin (to_tsvector('simple', words))",)

FORGET: Final = "INSERT INTO shelf_search(shelf_search) VALUES ('optimize')"
"""Writes SQLite's index anew without what was deleted; until then its words can still be read."""


def drop(connection: Connection) -> None:
    """Before the schema changes."""
    for name in reversed(list(VIEWS)):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    if connection.dialect.name == "sqlite":
        for trigger in ("added", "removed", "changed"):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {FTS}_{trigger}")
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {FTS}")
    else:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {FTS}")


def make(connection: Connection) -> None:
    """After it has. A schema from before there was a shelf has nothing to derive from."""
    if "shelf" not in inspect(connection).get_table_names():
        return
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRES:
        connection.exec_driver_sql(statement)
    for name, view in VIEWS.items():
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {view.sql}")


def tables_of_ours(names: Iterable[str]) -> set[str]:
    """Without the tables in which FTS5 keeps itself, and Alembic's."""
    return {name for name in names if not name.startswith(FTS) and name != "alembic_version"}
