"""One's own arena: messages of one's own, answered by both, names and rewards after the vote."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.limits import Refused
from chat.store.study_records import StudyKind, StudyPrompt
from tests.support.arena import ANALYSIS, MODEL, OWNER, World, build, join, says, vote, world

__all__ = ["world"]

pytestmark = pytest.mark.unit


async def test_in_ones_own_arena_names_and_rewards_come_after_the_vote(world: World) -> None:
    study = await world.study(items=0, kind=StudyKind.OWN)
    async with world.rater(OWNER) as client:
        page = await join(client, study)
        assert "What shall both answer?" in page.text
        said = {"message": "I got the job!", "persona": "", "scenario": ""}
        page = await client.post(f"/rate/{study.token}/say", data=said)
        await world.answered(study)
        page = await client.get(f"/rate/{study.token}")
        assert MODEL not in page.text
        page = await vote(client, study, page.text, "right-clear")
        assert "You clearly preferred" in page.text
        assert MODEL in page.text
        assert "Short" in page.text
        assert "reward 0.78" in page.text
        assert ANALYSIS not in page.text
        assert "What shall both answer?" in (await client.get(f"/rate/{study.token}")).text
    async with world.rater("ben") as client:
        await join(client, study)
        said = {"message": "Mine."}
        assert (await client.post(f"/rate/{study.token}/say", data=said)).status_code == 400
    assert (await world.arena.results(OWNER, study.id)).votes == 1


async def test_ones_own_messages_count_and_are_bounded(tmp_path: Path) -> None:
    world = await build(tmp_path, says, turns_per_minute=3, max_message_chars=100)
    study = await world.study(items=0, kind=StudyKind.OWN)
    with pytest.raises(Refused, match="100"):
        await world.arena.say(study.token, OWNER, StudyPrompt(message="a" * 101))
    with pytest.raises(Refused, match="empty"):
        await world.arena.say(study.token, OWNER, StudyPrompt(message=" "))
    await world.arena.say(study.token, OWNER, StudyPrompt(message="hello"))
    with pytest.raises(Refused, match="minute"):
        await world.arena.say(study.token, OWNER, StudyPrompt(message="hello"))
    await world.answered(study)
    await world.services.stop()


async def test_a_crisis_in_a_message_shows_the_card_and_is_noted(world: World) -> None:
    study = await world.study(items=0, kind=StudyKind.OWN)
    async with world.rater(OWNER) as client:
        await join(client, study)
        said = {"message": "I want to kill myself tonight."}
        await client.post(f"/rate/{study.token}/say", data=said)
        await world.answered(study)
        page = await client.get(f"/rate/{study.token}", headers={"accept-language": "en-GB"})
    assert 'class="crisis"' in page.text
    assert "116" in page.text
    [item] = await world.arena.items(OWNER, study.id)
    [turn] = await world.services.session.path(OWNER, item.conversation_id)
    assert turn.crisis == "suicide"


async def test_what_was_written_is_shown_as_text(world: World) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    study = await world.study(items=0, kind=StudyKind.OWN)
    async with world.rater(OWNER) as client:
        await join(client, study)
        said = {"message": attack, "persona": attack, "scenario": attack}
        await client.post(f"/rate/{study.token}/say", data=said)
        await world.answered(study)
        page = await client.get(f"/rate/{study.token}")
    assert "<img" not in page.text
    assert "<script>alert" not in page.text
    assert page.text.count("&lt;img src=x") == 3
