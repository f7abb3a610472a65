"""The disk fills while somebody talks: what is not saved is not called saved, at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from chat.engines.scripted import ScriptedEngine
from chat.events import ReplyDone, RewardReady, TurnEvent, TurnFailed, TurnSaved, VerdictLanded
from chat.services import Services
from chat.store import Conversation, ReplyStatus, StoreError
from tests.conftest import Figures
from tests.support.disks import ballast_of, fill, mounted, small_disk
from tests.support.parts import OWNER, PROMPTS, begun, parts, said, settings_in

__all__ = ["small_disk"]

pytestmark = pytest.mark.faults

DISK: Final = "8m"
STEP: Final = 40 * 1024
ROOM: Final = 1200 * 1024
"""With so much left a whole turn can be saved; with each step less it breaks off earlier."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", DISK) as folder:
        yield folder


async def test_nothing_is_called_saved_that_is_not(disk: Path, figure: Figures) -> None:
    told = false = refused = whole = 0
    settings = settings_in(disk)
    async with parts(settings, ScriptedEngine.demo(PROMPTS, 0.0)) as services:
        for room in range(0, ROOM, STEP):
            place = await begun(services)
            fill(disk, leave=room)
            events = await said(services, place, "I am so tired. " * 20)
            statements, wrong = await _checked(services, place, events)
            told, false = told + statements, false + wrong
            failed = [one for one in events if isinstance(one, TurnFailed)]
            refused += bool(failed)
            whole += not failed
            assert all("full" in one.what for one in failed)
            ballast_of(disk).unlink()
            await services.session.delete(OWNER, place.id)
    assert refused, "there was always room: the test has shown nothing"
    assert whole, "there was never room: the test has shown nothing"
    assert false == 0
    figure(
        "faults.disk-full",
        false,
        f'false "saved" of {told} told; {refused} turns on a full disk, {whole} with room for all',
    )


async def _checked(
    services: Services, place: Conversation, events: list[TurnEvent]
) -> tuple[int, int]:
    """How many statements that something is saved there were, and how many of them are false."""
    found = await services.store.path(OWNER, place.id)
    replies = {reply.id: reply for turn in found for reply in turn.replies}
    turns = {turn.id for turn in found}
    true: list[bool] = []
    not_saved = False
    for event in events:
        match event:
            case TurnSaved():
                true.append(event.turn_id in turns and event.reply_id in replies)
            case TurnFailed(saved=saved):
                not_saved = not_saved or not saved
                if saved:
                    true.append(bool(turns))
            case ReplyDone() if not not_saved:
                reply = replies.get(event.reply_id) if event.reply_id else None
                true.append(
                    reply is not None
                    and reply.status is ReplyStatus.COMPLETE
                    and reply.response == event.response
                )
            case VerdictLanded():
                reply = replies[event.reply_id]
                true.append(event.verdict.perspective in reply.binding)
            case RewardReady(reward=reward) if reward is not None:
                true.append(replies[event.reply_id].reward is not None)
    return len(true), true.count(False)


async def test_reading_goes_on_where_nothing_can_be_saved(small_disk: Path) -> None:
    async with parts(settings_in(small_disk), ScriptedEngine.demo(PROMPTS, 0.0)) as services:
        place = await begun(services)
        await said(services, place, "I am so tired.")
        before = await services.session.path(OWNER, place.id)
        fill(small_disk)
        with pytest.raises(StoreError, match="Not saved"):
            await services.session.rename(OWNER, place.id, "long " * 20_000)
        assert await services.session.path(OWNER, place.id) == before
        ballast_of(small_disk).unlink()
        events = await said(services, place, "Once more.")
        assert not [one for one in events if isinstance(one, TurnFailed)]
