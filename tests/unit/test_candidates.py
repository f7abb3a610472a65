"""Several replies to one message: side by side or in turn, judged, picked, stopped, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from langchain_core.messages import BaseMessage

from chat import events
from chat.engines.scripted_model import Output
from chat.limits import Refused
from chat.store.records import ReplyStatus
from chat.store.study_records import PickedBy
from perm.types import Capabilities, Perspective
from tests.support.desk import OWNER, PROMPTS, REPLY, Desk, Make, desk, of

__all__ = ["desk"]

pytestmark = pytest.mark.unit

FAST = Capabilities(assistant_prefix=True, context_tokens=4096, parallel=8, write_speed=500.0)


class Writers:
    """Replies that differ, and how many were being written at once."""

    def __init__(self) -> None:
        self.count = self.now = self.most = 0

    async def __call__(self, _: Sequence[BaseMessage]) -> Output:
        self.count += 1
        number = self.count
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)
        self.now -= 1
        return Output(
            text=f"# Analysis\nNumber {number}.\n\n# Response\nReply {number}, at length."
        )


async def ask(at: Desk, count: int) -> list[events.TurnEvent]:
    stream = at.session.candidates(OWNER, at.place.id, "So tired.", count)
    return [event async for event in stream]


@pytest.mark.parametrize("count", [2, 8])
async def test_each_candidate_is_written_judged_and_told_by_its_id(desk: Make, count: int) -> None:
    at = await desk(Writers(), capabilities=FAST)
    seen = await ask(at, count)
    ids = [event.reply_id for event in of(events.TurnSaved, seen)]
    assert len(set(ids)) == count
    assert {event.reply_id for event in of(events.ReplyDone, seen)} == set(ids)
    assert {event.reply_id for event in of(events.RewardReady, seen)} == set(ids)
    assert isinstance(seen[-1], events.TurnEnded)
    [turn] = await at.session.path(OWNER, at.place.id)
    assert [reply.id for reply in turn.replies] == ids
    for reply in turn.replies:
        told = [
            event.text for event in of(events.ResponseDelta, seen) if event.reply_id == reply.id
        ]
        assert "".join(told).strip() == reply.response
        assert reply.status is ReplyStatus.COMPLETE
        assert len(reply.verdicts) == len(Perspective)
        assert reply.reward is not None
    assert len({reply.response for reply in turn.replies}) == count
    assert turn.chosen is not None
    assert turn.chosen.id == ids[0], "the first is gone on with until one is picked"


async def test_their_draws_differ_and_are_stored_and_sent(desk: Make) -> None:
    at = await desk(Writers(), capabilities=FAST, temperature=0.0)
    await ask(at, 3)
    [turn] = await at.session.path(OWNER, at.place.id)
    seeds = [reply.sampling["seed"] for reply in turn.replies]
    assert len(set(seeds)) == 3
    assert all(reply.sampling["temperature"] >= 0.5 for reply in turn.replies)
    calls = [
        call.options
        for call in at.session.serving.supporter.chat_model.calls  # type: ignore[attr-defined]
        if call.messages[0].content == PROMPTS.supporter.system
    ]
    assert sorted(call["seed"] for call in calls) == sorted(seeds)


async def test_a_slow_engine_writes_one_after_the_other_a_fast_one_side_by_side(
    desk: Make,
) -> None:
    slow, fast = Writers(), Writers()
    await ask(await desk(slow), 3)
    assert slow.most == 1
    await ask(await desk(fast, capabilities=FAST), 3)
    assert fast.most == 3


async def test_one_of_them_is_an_ordinary_turn(desk: Make) -> None:
    at = await desk()
    await ask(at, 1)
    [turn] = await at.session.path(OWNER, at.place.id)
    assert "seed" not in turn.replies[0].sampling


@pytest.mark.parametrize("count", [0, -1, 9, 1000])
async def test_their_number_is_bounded(desk: Make, count: int) -> None:
    at = await desk()
    [failed, _] = await ask(at, count)
    assert isinstance(failed, events.TurnFailed)
    assert not failed.saved
    assert await at.session.path(OWNER, at.place.id) == []


async def test_each_counts_against_the_minutes_limit(desk: Make) -> None:
    at = await desk(Writers(), turns_per_minute=5)
    await ask(at, 4)
    [failed, _] = await ask(at, 2)
    assert isinstance(failed, events.TurnFailed)
    assert "within one minute" in failed.what
    assert of(events.ReplyDone, await ask(at, 1))
    [failed, _] = await ask(at, 6)
    assert isinstance(failed, events.TurnFailed)
    assert "Ask for fewer" in failed.todo


@pytest.mark.parametrize("capabilities", [None, FAST])
async def test_stop_ends_all_of_them(desk: Make, capabilities: Capabilities | None) -> None:
    more = {"capabilities": capabilities} if capabilities else {}
    at = await desk(lambda _: Output(text=REPLY + " word" * 2000, pace=0.01), **more)
    seen = []
    async for event in at.session.candidates(OWNER, at.place.id, "So tired.", 3):
        seen.append(event)
        if isinstance(event, events.ResponseDelta) and not of(events.ReplyDone, seen):
            await at.session.stop(OWNER, at.place.id)
    [turn] = await at.session.path(OWNER, at.place.id)
    assert [reply.status for reply in turn.replies] == [ReplyStatus.STOPPED] * 3
    assert not await at.session.is_writing(OWNER, at.place.id)


async def test_a_person_picks_and_the_talk_goes_on_from_there(desk: Make) -> None:
    at = await desk(Writers(), capabilities=FAST)
    await ask(at, 3)
    [turn] = await at.session.path(OWNER, at.place.id)
    await at.session.pick_reply(OWNER, turn.replies[2].id, PickedBy.PERSON)
    await at.say("And then?")
    first, second = await at.session.path(OWNER, at.place.id)
    assert second.parent_reply_id == turn.replies[2].id
    assert [reply.picked_by for reply in first.replies] == [None, None, PickedBy.PERSON]
    assert len(first.replies) == 3, "the others stay as rejected ones"


async def test_the_highest_reward_picks(desk: Make) -> None:
    def judged(messages: Sequence[BaseMessage]) -> str:
        asked = str(messages[-1].content) + str(messages[-2].content)
        level = 5 if "Reply 2" in asked or "Number 2" in asked else 3
        if messages[0].content == PROMPTS[Perspective.BYSTANDER].system:
            return ", ".join([str(4 * level)] * 5)
        return str(level)

    at = await desk(Writers(), judged, capabilities=FAST)
    await ask(at, 3)
    [turn] = await at.session.path(OWNER, at.place.id)
    picked = await at.session.pick_highest(OWNER, turn.id)
    [turn] = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.id == picked
    assert turn.chosen.picked_by is PickedBy.REWARD
    assert "Reply 2" in turn.chosen.response


async def test_nothing_is_picked_where_nothing_is_scored(desk: Make) -> None:
    at = await desk(Writers(), lambda _: "no digit here", capabilities=FAST)
    await ask(at, 2)
    [turn] = await at.session.path(OWNER, at.place.id)
    with pytest.raises(Refused, match="reward"):
        await at.session.pick_highest(OWNER, turn.id)


async def test_without_consent_candidates_leave_no_trace_either(desk: Make) -> None:
    at = await desk(Writers(), capabilities=FAST, keep=False)
    await ask(at, 2)
    [turn] = await at.session.path(OWNER, at.place.id)
    await at.session.pick_reply(OWNER, turn.replies[1].id, PickedBy.PERSON)
    rows = (await at.session.kept.check()).rows
    assert not any(rows[table] for table in ("turn", "reply", "pick"))
