"""What goes into the rows of each format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat.export import FileType, FolderTarget, Format
from chat.export.columns import COLUMNS
from chat.store import Store
from tests.support.orders import made, order
from tests.support.talks import ALL, ANNA, exporter, reply_to, talk

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", Format)
async def test_every_row_has_the_columns_of_its_format(
    store: Store, tmp_path: Path, name: Format
) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(name))
    assert rows
    for row in rows:
        assert row.keys() == {column.name for column in COLUMNS[name]}


async def test_thumbs_label_replies(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.UNPAIRED))
    labels = {row["completion"][0]["content"].rpartition("\n")[2]: row["label"] for row in rows}
    assert labels == {"Sleep more, talk.": False, "I am asking, talk.": True}


async def test_what_is_imitated_was_gone_on_with_or_corrected(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.SFT))
    said = {row["completion"][0]["content"].rpartition("\n")[2]: row["source"] for row in rows}
    assert said == {
        "That was a long night, talk.": "corrected",
        "Twelve hours on your feet, talk.": "chosen",
        "I am asking, talk.": "chosen",
    }
    summary = await exporter(store).preview(order(Format.SFT, min_reward=0.7), [ANNA])
    assert summary.sources == {"chosen": 1, "corrected": 1}


async def test_without_the_analysis_none_is_anywhere(store: Store, tmp_path: Path) -> None:
    await talk(store)
    for name in (Format.PREFERENCE, Format.REWARD, Format.UNPAIRED, Format.SFT):
        rows = await made(store, tmp_path / name, order(name, analysis=False))
        assert rows
        assert "Analysis" not in json.dumps(rows)
        assert "unseen" not in json.dumps(rows)


async def test_scores_are_a_table(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.SCORES))
    assert len(rows) == 3
    last = rows[-1]
    assert [last[name] for name in ("resonation", "reception", "bystander")] == [3.5, 3.5, 70.0]
    assert (last["thumb"], last["human_reception"], last["human_expression"]) == (1.0, 4.0, None)
    assert (last["judge_model"], last["method"], last["raters"]) == ("a judge", "direct", 1)


async def test_the_table_as_csv_runs_no_formula(store: Store, tmp_path: Path) -> None:
    place = await store.create_conversation(ANNA, "=HYPERLINK(1)", "@x", ALL)
    turn = await store.add_turn(ANNA, place.id, "+1", None)
    await reply_to(store, ANNA, turn.id, "-2\n=3", 3.0)
    wanted = order(Format.SCORES, file_type=FileType.CSV)
    await exporter(store).write(wanted, [ANNA], FolderTarget(tmp_path / "out"), ANNA)
    import csv

    [row] = csv.DictReader((tmp_path / "out" / "train.csv").open(newline="", encoding="utf-8"))
    told = [row[name] for name in ("persona", "scenario", "message", "response")]
    assert told == ["'=HYPERLINK(1)", "'@x", "'+1", "'-2\n=3"]
    assert float(row["expression"]) == 3.0
    with pytest.raises(ValueError, match="CSV"):
        order(Format.SFT, file_type=FileType.CSV)
