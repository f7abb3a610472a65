"""The files of an export: whole or not there, for their maker alone, with checksums that are so."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.export import Exporter, ExportError, FileType, FolderTarget, Format, Order, ZipTarget
from chat.export.columns import COLUMNS
from chat.export.files import as_line, row_file
from chat.export.split import Split, pair_id, split_of
from chat.store import Store, StoreError, StoreFault
from tests.support.talks import ANNA, exporter, talk

pytestmark = pytest.mark.unit

SFT = Order(format=Format.SFT, test_share=0.5)


async def filled(store: Store, talks: int = 8) -> Store:
    for number in range(talks):
        await talk(store, word=f"talk {number}")
    return store


def sums(folder: Path) -> dict[str, str]:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


async def test_checksums_are_those_of_the_files(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    done = await exporter(await filled(store)).write(SFT, [ANNA], FolderTarget(out), ANNA)
    assert sorted(one.name for one in out.iterdir()) == [
        "README.md", "SHA256SUMS", "test.jsonl", "train.jsonl",
    ]  # fmt: skip
    assert sums(out) == done.files
    for name, digest in done.files.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    for split, one in done.summary.splits.items():
        assert done.files[f"{split}.jsonl"] == one.digest
        assert len((out / f"{split}.jsonl").read_text().splitlines()) == one.rows
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in out.iterdir()} == {0o600}


async def test_a_preview_writes_nothing_and_says_the_same(store: Store, tmp_path: Path) -> None:
    before = await exporter(await filled(store)).preview(SFT, [ANNA])
    assert await store.exports(ANNA) == []
    done = await exporter(store).write(SFT, [ANNA], FolderTarget(tmp_path / "out"), ANNA)
    assert done.summary == before
    parquet = SFT.model_copy(update={"file_type": FileType.PARQUET})
    again = await exporter(store).write(parquet, [ANNA], FolderTarget(tmp_path / "two"), ANNA)
    assert again.summary.checksum == before.checksum, "the digest is of the rows, not of the file"
    assert [one.checksum for one in await store.exports(ANNA)] == [before.checksum] * 2


async def test_two_exports_are_the_same_to_the_letter(store: Store, tmp_path: Path) -> None:
    await filled(store)
    for name in ("one", "two"):
        await exporter(store).write(SFT, [ANNA], FolderTarget(tmp_path / name), ANNA)
    for file in ("train.jsonl", "test.jsonl"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


async def test_an_export_never_writes_over_anything(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="not an empty folder"):
        FolderTarget(tmp_path)
    with pytest.raises(ExportError, match="not an empty folder"):
        FolderTarget(tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "mine"


async def test_an_export_that_cannot_be_recorded_is_not_handed_out(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StoreError(StoreFault.DISK_FULL, "Not saved: the disk is full.")

    await filled(store, 2)
    monkeypatch.setattr(store, "save_export", full)
    with pytest.raises(StoreError):
        await exporter(store).write(SFT, [ANNA], FolderTarget(tmp_path / "out"), ANNA)
    assert list(tmp_path.iterdir()) == []
    out = io.BytesIO()
    with pytest.raises(StoreError):
        await exporter(store).write(SFT, [ANNA], ZipTarget(out), ANNA)
    assert out.getvalue() == b""


async def test_a_zip_holds_the_same_files(store: Store, tmp_path: Path) -> None:
    out = io.BytesIO()
    done = await exporter(await filled(store)).write(SFT, [ANNA], ZipTarget(out), ANNA)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path)
    assert sums(tmp_path) == done.files
    for name, digest in done.files.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


async def test_the_card_says_what_is_in_it_and_what_is_not(store: Store, tmp_path: Path) -> None:
    await filled(store, 3)
    wanted = Order(format=Format.PREFERENCE, test_share=0)
    done = await exporter(store).write(wanted, [ANNA], FolderTarget(tmp_path / "out"), ANNA)
    card = (tmp_path / "out" / "README.md").read_text()
    for words in (
        "`source: pick`, 3 rows",
        "`source: correction`, 3 rows",
        "DPOTrainer",
        "a judge (direct)",
        "a model (scripted)",
        "3 turns: they have one reply and no better words for it",
        done.summary.splits[Split.TRAIN].digest,
        "Nothing was redacted",
    ):
        assert words in card
    assert "$" not in card
    assert ANNA not in card


async def test_owners_are_in_no_file(store: Store, tmp_path: Path) -> None:
    await talk(store, "a-very-secret-owner")
    for name in Format:
        out = FolderTarget(tmp_path / name)
        await exporter(store).write(Order(format=name), ["a-very-secret-owner"], out, None)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"a-very-secret-owner" not in path.read_bytes()


TEXTS = st.text(alphabet=st.characters(), max_size=40)  # lone surrogates too


@given(TEXTS)
def test_any_text_comes_back_from_json_lines(text: str) -> None:
    line = as_line({"message": text})
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line)["message"] == text


@given(st.lists(TEXTS, max_size=5))
def test_any_text_can_be_a_cell(texts: list[str]) -> None:
    columns = COLUMNS[Format.SCORES]
    out = io.BytesIO()
    file = row_file(FileType.CSV, out, columns)
    for text in texts:
        file.write(b"", {column.name: text for column in columns})
    file.close()
    import csv

    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline="")))
    assert len(rows) == len(texts)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


@given(st.uuids(), st.floats(0, 0.9), st.floats(0, 0.9))
def test_a_split_depends_on_the_id_alone_and_grows(
    conversation_id: UUID, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    assert split_of(conversation_id, small) is split_of(UUID(str(conversation_id)), small)
    if split_of(conversation_id, small) is Split.TEST:
        assert split_of(conversation_id, large) is Split.TEST


def test_a_split_is_about_as_large_as_asked_for() -> None:
    ids = [UUID(int=number) for number in range(4000)]
    found = sum(split_of(one, 0.1) is Split.TEST for one in ids)
    assert 320 < found < 480
    assert not any(split_of(one, 0) is Split.TEST for one in ids)


@given(st.uuids(), st.uuids())
def test_a_pair_has_an_id_of_its_own(one: UUID, other: UUID) -> None:
    assert pair_id("vote", one, other) == pair_id("vote", one, other)
    assert pair_id("vote", one, other) != pair_id("reward", one, other)
    if one != other:
        assert pair_id("vote", one, other) != pair_id("vote", other, one)


async def test_ids_and_splits_stay_when_more_is_said(store: Store, tmp_path: Path) -> None:
    def read(name: str) -> dict[str, tuple[str, str]]:
        found = {}
        for path in (tmp_path / name).glob("*.jsonl"):
            for line in path.open():
                row = json.loads(line)
                found[row["id"]] = (path.stem, row["conversation_id"])
        return found

    everything = {name: Order(format=name, test_share=0.3, margin=0.01) for name in Format}
    await filled(store, 4)
    for name, order in everything.items():
        await exporter(store).write(order, [ANNA], FolderTarget(tmp_path / name), ANNA)
    await filled(store, 2)
    for name, order in everything.items():
        later = FolderTarget(tmp_path / f"later {name}")
        await exporter(store).write(order, [ANNA], later, ANNA)
        before, after = read(name), read(f"later {name}")
        assert before.items() < after.items()
        assert all(UUID(one) for one in after)


def _unused(_: Callable[..., Any], __: Exporter) -> None: ...
