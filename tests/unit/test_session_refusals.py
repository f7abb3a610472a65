"""What a session takes as a message, and what it refuses in words."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from chat import events
from chat.engines.scripted_model import Output
from chat.events import TurnEvent
from perm.types import Part
from tests.support.desk import OWNER, PLAIN, PROMPTS, REPLY, Make, desk, judge_says, of

__all__ = ["desk"]

pytestmark = pytest.mark.unit


async def test_two_messages_at_once_are_one_turn_and_one_clear_refusal(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY, pace=0.002))
    one, two = await asyncio.gather(at.say("one"), at.say("two"))
    refused = of(events.TurnFailed, one) + of(events.TurnFailed, two)
    assert len(refused) == 1
    assert refused[0].part is Part.INPUT and not refused[0].saved
    assert len(await at.session.path(OWNER, at.place.id)) == 1


async def test_the_next_message_may_come_while_the_last_is_judged(desk: Make) -> None:
    at = await desk(judged=lambda m: Output(text=str(judge_says(m)), delay=0.3))
    stream = at.session.run_turn(OWNER, at.place.id, "one")
    await at.until(stream, events.ReplyDone)
    seen = await at.say("two")
    assert not of(events.TurnFailed, seen)
    await at.rest()
    turns = await at.session.path(OWNER, at.place.id)
    assert [len(t.chosen.binding) for t in turns if t.chosen] == [4, 4]


@pytest.mark.parametrize("on_processor", [True, False])
async def test_a_processor_gives_up_judging_for_a_message_however_fast_it_writes(
    desk: Make, on_processor: bool
) -> None:
    fast = PLAIN.model_copy(update={"write_speed": 500.0, "on_processor": on_processor})
    slow_judge = lambda m: Output(text=str(judge_says(m)), delay=0.3)  # noqa: E731
    at = await desk(judged=slow_judge, capabilities=fast)
    await at.until(at.session.run_turn(OWNER, at.place.id, "one"), events.ReplyDone)
    await at.say("two")
    await at.rest()
    model = at.session.serving.judge_engine.chat_model
    asked = [c for c in model.calls if c.messages[0].content != PROMPTS.supporter.system]  # type: ignore[attr-defined]
    assert (len(asked) > 8) is on_processor, "begun again"
    turns = await at.session.path(OWNER, at.place.id)
    assert [len(t.chosen.binding) for t in turns if t.chosen] == [4, 4]


@pytest.mark.parametrize("message", ["", "  \n ", "x" * 9000])
async def test_what_is_not_taken_is_refused_in_words(desk: Make, message: str) -> None:
    at = await desk()
    seen = await at.say(message)
    assert [type(event).__name__ for event in seen] == ["TurnFailed", "TurnEnded"]
    assert await at.session.path(OWNER, at.place.id) == []


async def test_too_many_turns_in_a_minute_are_refused(desk: Make) -> None:
    at = await desk(turns_per_minute=1)
    assert not of(events.TurnFailed, await at.say("one"))
    (refused,) = of(events.TurnFailed, await at.say("two"))
    assert refused.part is Part.INPUT


async def test_a_foreign_conversation_and_a_missing_one_give_one_answer(desk: Make) -> None:
    at = await desk()

    async def asked(owner: str, conversation_id: UUID) -> list[TurnEvent]:
        return [event async for event in at.session.run_turn(owner, conversation_id, "hi")]

    assert await asked("eve", at.place.id) == await asked(OWNER, uuid4())
