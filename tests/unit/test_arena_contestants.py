"""Contestants of the arena: who may be one, and how their answers are written ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.arena.contestants import NoContestant
from chat.engines.scripted_model import Output
from chat.limits import Refused
from chat.settings import ROOT
from chat.store.study_records import NewStudy
from perm.types import EngineError, EngineFault
from tests.support.arena import MODEL, OTHER_PROMPT, OWNER, World, build, says, world

__all__ = ["world"]

pytestmark = pytest.mark.unit


async def test_a_model_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    broken = [True]

    def script(messages: list[object]) -> Output | str:
        said = says(messages)
        fails = broken[0] and isinstance(said, str) and "short" in said
        error = EngineError(EngineFault.REQUEST, "The model is out of order.")
        return Output(text="", failure=error) if fails else said

    world = await build(tmp_path, script)
    study = await world.study(items=2)
    await world.answered(study)
    summary = await world.arena.summary(OWNER, study.id)
    assert (summary.ready, summary.failed) == (0, 2)
    assert "out of order" in str((await world.arena.items(OWNER, study.id))[0].error)
    broken[0] = False
    await world.arena.try_again(OWNER, study.id)
    await world.answered(study)
    summary = await world.arena.summary(OWNER, study.id)
    assert (summary.ready, summary.failed) == (2, 0)
    await world.services.stop()


async def test_what_waits_is_answered_after_a_restart(tmp_path: Path) -> None:
    first = await build(tmp_path, says)
    study = await first.study(items=2)
    await first.services.stop()
    second = await build(tmp_path, says)
    second.arena.start()
    await second.answered(study)
    summary = await second.arena.summary(OWNER, study.id)
    assert (summary.items, summary.ready) == (2, 2)
    await second.services.stop()


async def test_contestants_must_exist_and_differ(world: World) -> None:
    prompt = world.services.rubrics.supporter
    one = await world.arena.contestants.contestant(MODEL, prompt.hash)
    with pytest.raises(Refused, match="same"):
        await world.arena.create(OWNER, NewStudy(name="x", a=one, b=one), [])
    with pytest.raises(NoContestant, match="no model"):
        await world.arena.contestants.contestant("nobody", prompt.hash)
    with pytest.raises(NoContestant, match="prompt"):
        await world.arena.contestants.contestant(MODEL, "nothing")


async def test_prompts_beside_the_one_in_use_are_versions_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    for path in (ROOT / "prompts").glob("*.md"):
        (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")
    (folder / "supporter-short.md").write_text(OTHER_PROMPT.text, "utf-8")
    world = await build(tmp_path / "data", says, prompts_dir=folder)
    titles = [one.title for one in await world.arena.contestants.prompts()]
    assert titles == ["the prompt in use", "supporter-short"]
    found = await world.arena.contestants.contestant(MODEL, OTHER_PROMPT.hash)
    assert found.name == f"{MODEL}, supporter-short"
    voice = await world.arena.contestants.voice(found)
    assert voice.prompt == OTHER_PROMPT
    await world.services.stop()
