"""Chat goes before judging, and judging is put off, never off."""

from __future__ import annotations

import asyncio
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
    line = Line(lambda: False, judge_calls=2)
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
