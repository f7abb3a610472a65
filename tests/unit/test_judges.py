"""The four judges side by side: asked at once, landing as they come, warmed ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from perm.judges import contexts_for
from perm.parsing import split_output
from perm.types import EngineFault, Perspective
from tests.support.answers import words
from tests.support.judging import DIRECT, REASONED, RUBRICS, B, C, E, R, fault, judge_of

pytestmark = pytest.mark.unit


def seat_of(messages: Sequence[BaseMessage]) -> Perspective:
    return next(seat for seat in Perspective if RUBRICS[seat].system == messages[0].content)


CONTEXTS = contexts_for("p", "s", "m", split_output("# Analysis\nfoo\n# Response\nbar"))


async def test_verdicts_land_as_they_come() -> None:
    order = [C, B, R, E]

    async def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        seat = seat_of(messages)
        await asyncio.sleep(0.05 * order.index(seat))
        if seat is R:
            raise fault(EngineFault.REQUEST)
        return words("10, 11, 12, 13, 14") if seat is B else words("4")

    judge, _ = judge_of(answer)
    landed = [verdict async for verdict in judge.judge_all(CONTEXTS, DIRECT)]
    assert [verdict.perspective for verdict in landed] == order
    assert [verdict.scored for verdict in landed] == [True, True, False, True]


async def test_all_are_asked_at_once() -> None:
    together = asyncio.Barrier(4)

    async def answer(_: object) -> AIMessage:
        async with asyncio.timeout(5):
            await together.wait()
        return words("Score: 4")

    judge, _ = judge_of(answer)
    assert len([verdict async for verdict in judge.judge_all(CONTEXTS, REASONED)]) == 4


async def test_closing_the_stream_ends_the_calls() -> None:
    ended: list[Perspective] = []

    async def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        seat = seat_of(messages)
        try:
            await asyncio.sleep(0 if seat is E else 60)
        finally:
            ended.append(seat)
        return words("4")

    judge, _ = judge_of(answer)
    stream = judge.judge_all(CONTEXTS, DIRECT)
    assert (await anext(stream)).perspective is E
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert set(ended) == set(Perspective)


async def test_warming_reads_the_rubric_and_writes_one_token() -> None:
    judge, model = judge_of(words("."))
    await judge.warm(C)
    ((messages, options),) = model.asked
    assert messages[0].content == RUBRICS[C].system
    assert options["max_tokens"] == 1


@pytest.mark.parametrize("error", [fault(EngineFault.SERVER), RuntimeError("x")])
async def test_warming_never_fails_and_never_insists(error: Exception) -> None:
    judge, model = judge_of(error)
    await judge.warm(C)
    assert len(model.asked) == 1
