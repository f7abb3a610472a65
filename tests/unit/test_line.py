"""Chat goes before judging, and judging is put off, never off."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from uuid import uuid4

import pytest

from chat.line import PATIENCE, Line

pytestmark = pytest.mark.unit


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def slow() -> Line:
    return Line(lambda: True)


class Call:
    """A judge call that counts its beginnings and ends when told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.done = asyncio.Event()

    async def __call__(self) -> str:
        self.begun += 1
        await self.done.wait()
        return "verdict"


async def test_judging_waits_while_another_reply_is_written() -> None:
    line, call = slow(), Call()
    call.done.set()
    async with line.chatting(uuid4()):
        judging = asyncio.create_task(line.judging(uuid4(), call))
        await settle()
        assert call.begun == 0
    assert await judging == "verdict"
    assert call.begun == 1


async def test_the_reply_being_written_is_judged_beside_it() -> None:
    line, call, reply = slow(), Call(), uuid4()
    call.done.set()
    async with line.chatting(reply):
        assert await line.judging(reply, call) == "verdict"


async def test_a_running_call_gives_way_and_is_begun_again() -> None:
    line, call = slow(), Call()
    judging = asyncio.create_task(line.judging(uuid4(), call))
    await settle()
    assert call.begun == 1
    async with line.chatting(uuid4()):
        await settle()
        call.done.set()
        await settle()
        assert not judging.done(), "it must not run beside the new message"
    assert await judging == "verdict"
    assert call.begun == 2


async def test_a_call_that_was_put_back_often_may_stay() -> None:
    line, call = slow(), Call()
    judging = asyncio.create_task(line.judging(uuid4(), call))
    await settle()
    for _ in range(PATIENCE):
        async with line.chatting(uuid4()):
            await settle()
        await settle()
    assert call.begun == PATIENCE + 1
    async with line.chatting(uuid4()):
        await settle()
        call.done.set()
        assert await judging == "verdict"
    assert call.begun == PATIENCE + 1


async def test_a_fast_engine_does_both_at_once() -> None:
    line, call = Line(lambda: False), Call()
    call.done.set()
    async with line.chatting(uuid4()):
        assert await line.judging(uuid4(), call) == "verdict"


async def test_no_more_judge_calls_than_seats_run_at_once() -> None:
    line = Line(lambda: False, judge_calls=lambda: 2)
    calls = [Call() for _ in range(5)]
    tasks = [asyncio.create_task(line.judging(uuid4(), call)) for call in calls]
    await settle()
    assert sum(call.begun for call in calls) == 2
    for call in calls:
        call.done.set()
    assert await asyncio.gather(*tasks) == ["verdict"] * 5


async def test_what_a_call_raises_comes_through() -> None:
    async def fails() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await slow().judging(uuid4(), fails)


async def test_cancelling_the_judging_cancels_the_call() -> None:
    line = slow()
    ended = asyncio.Event()

    async def call() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    judging = asyncio.create_task(line.judging(uuid4(), call))
    await settle()
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging
    assert ended.is_set()


async def test_each_call_ends_and_none_is_lost_whoever_speaks_when() -> None:
    """Twenty replies are judged while others speak at random moments; every verdict comes once."""
    line, landed = slow(), Counter[int]()
    draw = random.Random(7)

    async def judge(number: int) -> int:
        for _ in range(draw.randrange(8)):
            await asyncio.sleep(0)
        return number

    async def judged(number: int) -> None:
        landed[await line.judging(uuid4(), lambda: judge(number))] += 1

    async def speak() -> None:
        for _ in range(draw.randrange(30)):
            await asyncio.sleep(0)
        async with line.chatting(uuid4()):
            await settle()

    await asyncio.gather(*(judged(number) for number in range(20)), *(speak() for _ in range(20)))
    assert landed == Counter(range(20))


async def test_the_seats_are_as_many_as_the_engine_takes_at_the_moment() -> None:
    seats = [1]
    line = Line(lambda: False, judge_calls=lambda: seats[0])
    calls = [Call() for _ in range(3)]
    tasks = [asyncio.create_task(line.judging(uuid4(), call)) for call in calls]
    await settle()
    assert sum(call.begun for call in calls) == 1
    seats[0] = 3
    calls[0].done.set()
    await settle()
    assert sum(call.begun for call in calls) == 3
    for call in calls:
        call.done.set()
    await asyncio.gather(*tasks)


async def test_a_call_in_passing_runs_at_once_or_not_at_all() -> None:
    busy, passing = Call(), Call()
    passing.done.set()
    line = Line(lambda: False, judge_calls=lambda: 1)
    assert await line.in_passing(passing) == "verdict"
    judging = asyncio.create_task(line.judging(uuid4(), busy))
    await settle()
    assert await line.in_passing(passing) is None
    busy.done.set()
    await judging
    assert await slow().in_passing(passing) is None
    assert passing.begun == 1


async def test_a_message_waits_for_the_prompt_that_it_begins_with() -> None:
    line, opening = slow(), Call()
    warming = asyncio.create_task(line.opening(opening))
    await settle()

    async def chat() -> None:
        async with line.chatting(uuid4()):
            assert warming.done() or opening.done.is_set()

    chatting = asyncio.create_task(chat())
    await settle()
    assert not chatting.done()
    opening.done.set()
    await chatting
    assert await warming == "verdict"


async def test_a_prompt_that_cannot_be_read_holds_no_message_up() -> None:
    async def fails() -> str:
        raise ValueError("broken")

    line = slow()
    with pytest.raises(ValueError, match="broken"):
        await line.opening(fails)
    async with line.chatting(uuid4()):
        pass


async def test_warming_gives_way_to_chat_and_to_judging_as_often_as_they_come() -> None:
    line, warm = slow(), Call()
    warming = asyncio.create_task(line.warming(warm))
    for _ in range(PATIENCE + 2):
        await settle()
        async with line.chatting(uuid4()):
            await settle()
    await settle()
    assert warm.begun == PATIENCE + 3
    judged = Call()
    judging = asyncio.create_task(line.judging(uuid4(), judged))
    await settle()
    assert judged.begun == 1
    assert warm.begun == PATIENCE + 3, "it waits until the judging is over"
    judged.done.set()
    await judging
    warm.done.set()
    assert await warming == "verdict"


async def test_beside_a_judge_of_its_own_nothing_waits() -> None:
    line, judged, warm = Line(lambda: False), Call(), Call()
    judged.done.set()
    warm.done.set()
    async with line.chatting(uuid4()):
        assert await line.judging(uuid4(), judged) == "verdict"
        assert await line.warming(warm) == "verdict"
