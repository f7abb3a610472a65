"""`perm-chat export` and `perm-chat exports`, on a database as the app leaves it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chat.cli import cli
from chat.store import Store
from tests.support.talks import ANNA, BEN, talk

pytestmark = pytest.mark.unit


def fill(data: Path, *owners: str) -> None:
    async def work() -> None:
        store = await Store.open(f"sqlite:///{data / 'perm-chat.db'}", data_dir=data)
        for owner in owners:
            await talk(store, owner, word=f"talk of {owner}")
        await store.close()

    asyncio.run(work())


def delete_all(data: Path, owner: str) -> None:
    async def work() -> None:
        store = await Store.open(f"sqlite:///{data / 'perm-chat.db'}", data_dir=data)
        for one in await store.conversation_ids(owner):
            await store.delete_conversation(owner, one)
        await store.close()

    asyncio.run(work())


def call(data: Path, *words: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, words), "--data-dir", str(data)])


def test_an_export_is_written_told_and_listed(tmp_path: Path) -> None:
    fill(tmp_path / "data", ANNA)
    out = tmp_path / "out"
    ran = call(tmp_path / "data", "export", "preference", "--out", out, "--test-share", 0)
    assert ran.exit_code == 0, ran.output
    assert "2 rows of 1 conversations" in ran.output
    assert "By source: correction 1, pick 1" in ran.output
    assert "Left out: 1 turn" in ran.output
    rows = [json.loads(line) for line in (out / "train.jsonl").open()]
    assert {row["source"] for row in rows} == {"pick", "correction"}
    listed = call(tmp_path / "data", "exports")
    assert "preference for train, anna: 2 rows" in listed.output
    delete_all(tmp_path / "data", ANNA)
    assert "1 deleted since" in call(tmp_path / "data", "exports").output


def test_a_preview_writes_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "data", ANNA)
    ran = call(tmp_path / "data", "export", "grpo", "--preview", "--out", tmp_path / "out")
    assert ran.exit_code == 0
    assert "SHA-256" in ran.output
    assert not (tmp_path / "out").exists()
    assert "Nothing was exported yet." in call(tmp_path / "data", "exports").output


def test_with_several_owners_one_says_whose(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, ANNA, BEN)
    ran = call(data, "export", "grpo", "--out", tmp_path / "out")
    assert ran.exit_code == 1
    assert "There are 2 owners" in ran.output
    assert not (tmp_path / "out").exists()
    for words, told in (((), "anna"), (("--all-owners",), "every owner")):
        who = words or ("--owner", ANNA)
        ran = call(data, "export", "grpo", "--out", tmp_path / told, "--test-share", 0, *who)
        assert ran.exit_code == 0, ran.output
        assert told in call(data, "exports").output
    text = (tmp_path / "anna" / "train.jsonl").read_text()
    assert "talk of anna" in text
    assert "talk of ben" not in text
    assert "talk of ben" in (tmp_path / "every owner" / "train.jsonl").read_text()
    ran = call(data, "export", "grpo", "--out", tmp_path / "x", "--owner", "nobody")
    assert ran.exit_code == 1
    assert "Nobody of this name" in ran.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "sft"), "nowhere to export to"),
        (("export", "sft", "--format", "csv", "--out", "x"), "CSV is for scores alone"),
        (("export", "sft", "--out", "x"), "Nobody has a kept conversation"),
    ],
)
def test_what_cannot_be_exported_is_said_calmly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = call(tmp_path / "data", *words)
    assert ran.exit_code == 1
    assert told in ran.output
    assert "Traceback" not in ran.output
    assert not (tmp_path / "x").exists()
