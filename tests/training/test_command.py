"""`perm-chat train` from the command line: a tiny model, a judge behind an address, an adapter."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chat.cli import cli
from chat.engines.lora import adapters_for
from perm.training.logbook import read_log
from perm.types import PUBLISHED_REWARD
from tests.support.openai_server import ScriptedServer, running
from tests.support.preferring_judge import preferring_script
from tests.training.conftest import NAME, QUICK, taste

pytestmark = pytest.mark.train

RECORD = {"persona": {"identity": "a nurse"}, "scenario": "late", "dialogue": ["I am tired."]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    lines = "".join(json.dumps(RECORD) + "\n" for _ in range(8))
    (tmp_path / "prompts.jsonl").write_text(lines, "utf-8")
    settings = QUICK | {"max_steps": 2, "num_generations": 4}
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())
    (tmp_path / "trl.yaml").write_text(text, "utf-8")
    return tmp_path


def run(place: Path, base: Path, url: str, *more: str) -> Result:
    options = {
        "--name": "warm",
        "--base": str(base),
        "--judge-base-url": url,
        "--judge-model": "scripted",
        "--method": "reasoned",
        "--data-dir": str(place / "data"),
        "--models-dir": str(place / "models"),
        "--trl-config": str(place / "trl.yaml"),
    }
    flat = [word for option in options.items() for word in option]
    return CliRunner().invoke(cli, ["train", str(place / "prompts.jsonl"), *flat, *more])


async def test_the_command_trains_an_adapter_that_the_engines_find(base: Path, place: Path) -> None:
    server = ScriptedServer(preferring_script(taste), logprobs=False, prefix="refuse")
    async with running(server):
        result = await asyncio.to_thread(run, place, base, server.url)
    assert result.exit_code == 0, result.output
    assert "step 2/2  reward " in result.output
    assert "2 steps. " in result.output
    head, *entries = read_log(place / "data" / "training" / "warm" / "log.jsonl")
    assert [entry["step"] for entry in entries] == [1, 2]
    about = head["run"]
    assert about["judge"] == "scripted (openai, reasoned)"
    assert about["reward"] == PUBLISHED_REWARD.model_dump(mode="json")
    assert about["completions a prompt"] == 4  # of the file
    assert about["beta"] == 0.01  # published
    found = await adapters_for([NAME], place / "models")
    assert [one.name for one in found] == ["warm"]

    again = await asyncio.to_thread(run, place, base, "http://127.0.0.1:9/v1")
    assert again.exit_code != 0
    assert "Traceback" not in again.output


async def test_a_setting_that_trl_does_not_know_is_named(base: Path, place: Path) -> None:
    (place / "trl.yaml").write_text("learning_rat: 1.0e-6\n", "utf-8")
    server = ScriptedServer(preferring_script(taste))
    async with running(server):
        result = await asyncio.to_thread(run, place, base, server.url)
    assert result.exit_code == 2
    assert "no setting called learning_rat" in result.output
