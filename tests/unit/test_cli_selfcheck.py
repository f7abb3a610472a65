"""`perm-chat selfcheck`: judged, counted, kept for the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from chat.cli import cli
from chat.engines.scripted import NAME
from chat.settings import ROOT
from chat.store import Store
from perm import rubrics
from perm.selfcheck_report import SelfCheckReport
from perm.types import Method, Perspective

pytestmark = pytest.mark.unit


async def test_the_result_is_printed_and_kept_by_judge_and_prompts(tmp_path: Path) -> None:
    import asyncio

    command = ["selfcheck", "--engine", "scripted", "--data-dir", str(tmp_path)]
    command += ["--situations", "2", "--pairs", "1"]
    ran = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert ran.exit_code == 0, ran.output
    for perspective in Perspective:
        assert f"| {perspective} |" in ran.output

    store = await Store.open(f"sqlite:///{tmp_path / 'perm-chat.db'}")
    prompts = rubrics.load(ROOT / "prompts")
    kept = await store.latest_selfcheck(NAME, prompts.judges_hash, Method.DIRECT)
    assert kept is not None
    report = SelfCheckReport.model_validate(kept)
    assert report.of(Perspective.RESONATION).asked > 0
    assert await store.latest_selfcheck("another", prompts.judges_hash, Method.DIRECT) is None
    await store.close()
