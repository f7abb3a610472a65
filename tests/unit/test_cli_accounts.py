"""`perm-chat accounts`: what an administrator does at the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chat.cli import cli
from chat.store import Store
from tests.store.samples import begin

pytestmark = pytest.mark.unit

PASSWORD = "correct horse battery"


def run(folder: Path, *arguments: str, says: str = "") -> Result:
    where = ("--data-dir", str(folder))
    return CliRunner().invoke(cli, ["accounts", *arguments, *where], input=says)


def owner_in(output: str) -> str:
    return output.strip().rstrip(".").rsplit(" ", 1)[-1]


def test_accounts_come_and_go(tmp_path: Path) -> None:
    assert "no accounts" in run(tmp_path, "list").output
    added = run(tmp_path, "add", "Ada", says=f"{PASSWORD}\n")
    assert added.exit_code == 0, added.output
    assert run(tmp_path, "add", "ADA", says=f"{PASSWORD}\n").exit_code == 1
    run(tmp_path, "add", "Root", "--administrator", says=f"{PASSWORD}\n")
    listed = run(tmp_path, "list").output
    assert "Ada  person" in listed and "Root  administrator" in listed
    assert owner_in(added.output) in listed
    assert run(tmp_path, "password", "ada", says="another long one\n").exit_code == 0
    assert run(tmp_path, "remove", "ada").exit_code == 0
    assert "Ada" not in run(tmp_path, "list").output
    assert run(tmp_path, "remove", "ada").exit_code == 1


def test_a_password_is_neither_shown_nor_a_flag(tmp_path: Path) -> None:
    said = run(tmp_path, "add", "Ada", says=f"{PASSWORD}\n").output
    assert PASSWORD not in said
    assert run(tmp_path, "add", "Bob", "--password", PASSWORD).exit_code == 2
    assert run(tmp_path, "add", "Bob", says="short\n").exit_code == 1
    assert run(tmp_path, "add", "Bob").exit_code == 1, "nothing is not a password"


@pytest.mark.parametrize(("flag", "left"), [("--keep-conversations", 1), (
    "--delete-conversations", 0)])  # fmt: skip
def test_what_was_said_under_an_account_is_asked_about(
    tmp_path: Path, flag: str, left: int
) -> None:
    owner = owner_in(run(tmp_path, "add", "Ada", says=f"{PASSWORD}\n").output)

    async def talk() -> None:
        store = await Store.open(f"sqlite:///{tmp_path / 'perm-chat.db'}")
        await begin(store, owner=owner)
        await store.close()

    async def talks() -> int:
        store = await Store.open(f"sqlite:///{tmp_path / 'perm-chat.db'}")
        found = await store.conversation_ids(owner)
        await store.close()
        return len(found)

    asyncio.run(talk())
    refused = run(tmp_path, "remove", "Ada")
    assert refused.exit_code == 1
    assert "1 conversations" in refused.output
    assert run(tmp_path, "remove", "Ada", flag).exit_code == 0
    assert asyncio.run(talks()) == left
