"""docs/schema.md says what is there, and the database opens for others as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from datasette.app import Datasette

from chat.store import FeedbackInput, Store
from chat.store.schema_page import MEANINGS, page
from chat.store.tables import metadata
from chat.store.views import VIEWS
from perm.types import Perspective
from tests.store.samples import ANNA, REWARD, begin, say, scored

pytestmark = pytest.mark.unit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "schema.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m chat.store.schema_page"


def test_every_table_has_a_meaning() -> None:
    assert set(metadata.tables) - set(MEANINGS) == set()


async def filled(path: Path) -> Store:
    store = await Store.open(f"sqlite:///{path}")
    place = await begin(store)
    _, reply = await say(store, place.id, "the lighthouse")
    for one in Perspective:
        await store.save_verdict(ANNA, reply.id, scored(one, 4.0))
    await store.save_reward(ANNA, reply.id, REWARD)
    await store.save_feedback(ANNA, reply.id, FeedbackInput(thumb=1, resonation=5))
    return store


async def test_a_reader_from_outside_sees_each_view_as_documented(tmp_path: Path) -> None:
    """As Datasette opens it: read only, while the app has it open."""
    store = await filled(tmp_path / "chat.db")
    outside = sqlite3.connect(f"file:{tmp_path / 'chat.db'}?mode=ro", uri=True)
    outside.row_factory = sqlite3.Row
    for name, view in VIEWS.items():
        rows = outside.execute(f"SELECT * FROM {name}").fetchall()
        assert len(rows) == (4 if name == "verdicts" else 1)
        assert rows[0].keys() == list(view.columns), name
    (turn,) = outside.execute("SELECT * FROM turns").fetchall()
    assert (turn["message"], turn["resonation"], turn["reward"], turn["thumb"]) == (
        "the lighthouse", 4.0, REWARD.total, 1,
    )  # fmt: skip
    (hit,) = outside.execute("SELECT rowid FROM shelf_search WHERE shelf_search MATCH 'lighthouse'")
    assert hit is not None
    outside.close()
    await store.close()


async def test_datasette_serves_every_table_and_view(tmp_path: Path) -> None:
    store = await filled(tmp_path / "chat.db")
    served = Datasette([str(tmp_path / "chat.db")])
    await served.invoke_startup()
    for name in (*VIEWS, *metadata.tables):
        answer = await served.client.get(f"/chat/{name}.json?_shape=array")
        assert answer.status_code == 200, name
    page = await served.client.get("/chat/turns")
    assert "lighthouse" in page.text
    await store.close()
