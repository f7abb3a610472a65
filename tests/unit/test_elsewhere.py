"""A page of one process while another process writes: it is shown, and nothing is begun twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat import elsewhere, events
from chat.limits import Refused
from chat.services import Services
from chat.settings import EngineName, Settings
from chat.store.records import Consents, ReplyStatus
from chat.store.writers import Writer
from perm.types import Perspective

pytestmark = pytest.mark.unit

OWNER = "ada"


@pytest.fixture
async def two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Services, Services]]:
    """Two apps on one database; each takes the other for a process on another machine."""
    monkeypatch.setattr(elsewhere, "LOOK_EVERY", 0.05)
    monkeypatch.setattr("chat.writing.SAVE_EVERY", 0.1)
    settings = Settings(engine=EngineName.SCRIPTED, data_dir=tmp_path)
    first, second = await Services.start(settings), await Services.start(settings)
    for number, services in enumerate((first, second)):
        services.store._writer = Writer(f"machine-{number}", 1, "x")
    yield first, second
    await first.stop()
    await second.stop()


async def test_the_other_process_follows_and_begins_nothing(two: tuple[Services, Services]) -> None:
    first, second = two
    place = await first.session.begin(OWNER, "", "", Consents(keep=True))
    turn = first.session.run_turn(OWNER, place.id, "My boss never listens to me.")
    async for event in turn:
        if isinstance(event, events.ResponseDelta):
            break
    assert await second.session.is_writing(OWNER, place.id)
    assert await second.session.is_running(OWNER, place.id)
    (refused, _) = [event async for event in second.session.run_turn(OWNER, place.id, "Hello?")]
    assert isinstance(refused, events.TurnFailed)
    assert "another server" in refused.what
    assert not refused.saved
    with pytest.raises(Refused, match="cannot be stopped here"):
        await second.session.stop(OWNER, place.id)

    seen = [event async for event in second.session.follow(OWNER, place.id)]
    kinds = [type(event) for event in seen]
    assert kinds[:2] == [events.TurnSaved, events.Waiting]
    assert events.ResponseDelta in kinds
    done = next(event for event in seen if isinstance(event, events.ReplyDone))
    said = "".join(event.text for event in seen if isinstance(event, events.ResponseDelta))
    assert done.status is ReplyStatus.COMPLETE
    assert done.response.startswith(said)
    landed = {
        event.verdict.perspective for event in seen if isinstance(event, events.VerdictLanded)
    }
    assert landed == set(Perspective)
    assert isinstance(seen[-1], events.RewardReady)
    assert len(await second.session.path(OWNER, place.id)) == 1

    assert not await second.session.is_writing(OWNER, place.id)
    more = [event async for event in second.session.run_turn(OWNER, place.id, "And again.")]
    assert isinstance(more[-1], events.TurnEnded)
    assert len(await first.session.path(OWNER, place.id)) == 2


async def test_one_of_two_that_ask_at_once_is_served(two: tuple[Services, Services]) -> None:
    first, second = two
    place = await first.session.begin(OWNER, "", "", Consents(keep=True))

    async def ask(services: Services) -> events.TurnEvent:
        stream = services.session.run_turn(OWNER, place.id, "Hello?")
        return await anext(stream)

    for _ in range(3):
        begun = await asyncio.gather(ask(first), ask(second))
        kinds = sorted(type(event).__name__ for event in begun)
        assert kinds == ["TurnFailed", "TurnSaved"]
        for services in two:
            async for _event in services.session.follow(OWNER, place.id):
                pass
    assert len(await first.session.path(OWNER, place.id)) == 3


async def test_what_is_deleted_while_another_writes_is_gone(two: tuple[Services, Services]) -> None:
    first, second = two
    place = await first.session.begin(OWNER, "", "", Consents(keep=True))
    turn = first.session.run_turn(OWNER, place.id, "My boss never listens to me.")
    await anext(turn)
    await second.session.delete(OWNER, place.id)
    seen = [event async for event in turn]
    failures = [event for event in seen if isinstance(event, events.TurnFailed)]
    assert failures and not failures[0].saved
    assert isinstance(seen[-1], events.TurnEnded)
    for services in two:
        assert await services.session.conversations(OWNER) == []
