"""Chat goes before judging, and judging is put off, never off."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from chat.line import PATIENCE, Line
from chat.seats import Rank, Seats

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


async def test_what_can_still_be_early_goes_first_and_reasons_last() -> None:
    line, busy, order = Line(lambda: False, judge_calls=lambda: 1), Call(), list[str]()
    judging = [asyncio.create_task(line.judging(uuid4(), busy))]
    await settle()

    def noting(name: str) -> Callable[[], Awaitable[str]]:
        async def call() -> str:
            order.append(name)
            return name

        return call

    written = uuid4()
    async with line.chatting(written):
        for reply, name, reasons in (
            (uuid4(), "reasons", True),
            (uuid4(), "a score", False),
            (uuid4(), "another score", False),
            (written, "resonation while its reply is written", False),
        ):
            call = noting(name)
            judging.append(asyncio.create_task(line.judging(reply, call, reasons=reasons)))
            await settle()
        busy.done.set()
        await asyncio.gather(*judging)
    assert order == [
        "resonation while its reply is written", "a score", "another score", "reasons",
    ]  # fmt: skip


async def test_reasons_leave_seats_to_scores() -> None:
    line = Line(lambda: False, judge_calls=lambda: 4)
    reasons, score = [Call() for _ in range(4)], Call()
    held = [asyncio.create_task(line.judging(uuid4(), one, reasons=True)) for one in reasons]
    await settle()
    assert sum(one.begun for one in reasons) == 2
    score.done.set()
    assert await line.judging(uuid4(), score) == "verdict"
    for one in reasons:
        one.done.set()
    assert await asyncio.gather(*held) == ["verdict"] * 4


async def test_who_gives_up_waiting_for_a_seat_takes_none() -> None:
    line, first, last = Line(lambda: False, judge_calls=lambda: 1), Call(), Call()
    holding = asyncio.create_task(line.judging(uuid4(), first))
    await settle()
    gone = asyncio.create_task(line.judging(uuid4(), Call()))
    staying = asyncio.create_task(line.judging(uuid4(), last))
    await settle()
    gone.cancel()
    first.done.set()
    last.done.set()
    assert list(await asyncio.gather(holding, staying)) == ["verdict"] * 2
    assert last.begun == 1


async def test_who_is_seated_and_cancelled_in_one_moment_leaves_the_seat() -> None:
    seats = Seats(lambda: 1)
    async with seats.seat(Rank.SCORE):
        waiting = asyncio.create_task(_sit(seats))
        await settle()
    waiting.cancel()  # the seat was just given to it
    await asyncio.gather(waiting, return_exceptions=True)
    assert seats.free


async def _sit(seats: Seats) -> None:
    async with seats.seat(Rank.SCORE):
        pass
