"""The whole behind the page: composed, started, ended in the middle, started again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chat import events
from chat.engines.base import Phase
from chat.services import Services
from chat.settings import EngineName, Settings
from chat.store.records import Consents, ReplyStatus
from perm import selfcheck_set
from perm.selfcheck import selfcheck
from perm.types import Method, Perspective, PromptError

pytestmark = pytest.mark.unit

OWNER = "ada"


def settings(folder: Path, **more: object) -> Settings:
    return Settings(engine=EngineName.SCRIPTED, data_dir=folder, **more)  # type: ignore[arg-type]


async def test_one_engine_serves_both_unless_the_judge_has_its_own(tmp_path: Path) -> None:
    services = await Services.start(settings(tmp_path))
    assert services.judge_engine is services.supporter
    assert len(services.engines) == 1
    await services.stop()
    assert services.supporter.state.phase is Phase.STOPPED


async def test_a_conversation_survives_a_restart(tmp_path: Path) -> None:
    first = await Services.start(settings(tmp_path))
    place = await first.session.begin(OWNER, "a nurse", "a double shift", Consents(keep=True))
    seen = [event async for event in first.session.run_turn(OWNER, place.id, "So tired.")]
    assert isinstance(seen[-1], events.TurnEnded)
    before = await first.session.path(OWNER, place.id)
    await first.stop()

    second = await Services.start(settings(tmp_path))
    assert await second.session.path(OWNER, place.id) == before
    latest = await second.session.latest_conversation(OWNER)
    assert latest is not None and latest.id == place.id
    await second.stop()


async def test_what_must_leave_no_trace_is_gone_after_a_restart(tmp_path: Path) -> None:
    first = await Services.start(settings(tmp_path))
    await first.session.begin(OWNER, "a nurse", "a double shift", Consents())
    await first.stop()
    second = await Services.start(settings(tmp_path))
    assert await second.session.conversations(OWNER) == []
    await second.stop()


async def test_a_reply_left_half_written_is_marked_on_the_next_start(tmp_path: Path) -> None:
    first = await Services.start(settings(tmp_path))
    place = await first.session.begin(OWNER, "", "", Consents(keep=True))
    stream = first.session.run_turn(OWNER, place.id, "So tired.")
    async for event in stream:
        if isinstance(event, events.ResponseDelta):
            break
    # The app is gone without a word: nothing more of it reaches the rows.
    await first.store.close()
    second = await Services.start(settings(tmp_path))
    (turn,) = await second.session.path(OWNER, place.id)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.INTERRUPTED
    await second.stop()
    await first.stop()


async def test_the_prompts_are_kept_by_their_hash(tmp_path: Path) -> None:
    services = await Services.start(settings(tmp_path))
    rubric = services.rubrics[Perspective.RECEPTION]
    assert await services.store.prompt(rubric.hash) == rubric.text
    await services.stop()


async def test_missing_prompts_end_the_start_in_words(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"supporter|prompts"):
        await Services.start(settings(tmp_path, prompts_dir=tmp_path))


async def test_the_last_selfcheck_of_this_judge_stands_beside_its_scores(tmp_path: Path) -> None:
    first = await Services.start(settings(tmp_path))
    await first.supporter.ready()
    items = selfcheck_set.load().first(1, 1)
    report = await selfcheck(await first.session.serving.judge(), items, Method.DIRECT, 4)
    await first.store.save_selfcheck(
        "scripted", first.rubrics.judges_hash, Method.DIRECT, report.model_dump(mode="json")
    )
    assert first.selfcheck is None
    await first.stop()

    second = await Services.start(settings(tmp_path))
    async with asyncio.timeout(20):
        while second.selfcheck is None:  # noqa: ASYNC110 - nothing is told when it is there
            await asyncio.sleep(0.05)
    assert second.selfcheck == report
    assert second.selfcheck.summary()
    await second.stop()
