"""What goes wrong while a judge is asked: tried again, given up, or passed through."""

from __future__ import annotations

import asyncio

import pytest

from perm.types import EngineFault, Unscored
from tests.support.answers import tokens
from tests.support.judging import CONTEXT, DIRECT, FAST, E, direct, fault, judge_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("kind", EngineFault)
async def test_passing_faults_alone_are_tried_again(kind: EngineFault) -> None:
    judge, model = judge_of(fault(kind), tokens({"4": 1.0}))
    verdict = await judge.judge(E, CONTEXT, DIRECT)
    passing = fault(kind).retryable
    assert verdict.scored is passing
    assert len(model.asked) == verdict.attempts == (2 if passing else 1)
    if not passing:
        assert verdict.unscored is Unscored.ENGINE
        assert verdict.error == f"{kind}: The server said no. Ask it again."
    assert not fault(EngineFault.UNAUTHORISED).retryable


async def test_tries_are_capped() -> None:
    policy = FAST.model_copy(update={"retries": 3})
    judge, model = judge_of(fault(EngineFault.SERVER), policy=policy)
    verdict = await judge.judge(E, CONTEXT, DIRECT)
    assert (verdict.unscored, verdict.attempts, len(model.asked)) == (Unscored.ENGINE, 4, 4)


async def test_retry_after_is_kept_to() -> None:
    slow = FAST.model_copy(update={"longest_wait": 1.0})
    limited = fault(EngineFault.RATE_LIMITED, retry_after=0.3)
    verdict = await direct(limited, tokens({"4": 1.0}), policy=slow)
    assert verdict.scored
    assert verdict.seconds is not None
    assert verdict.seconds >= 0.3


async def test_a_server_that_asks_for_too_long_a_wait_is_left_alone() -> None:
    verdict = await direct(fault(EngineFault.RATE_LIMITED, retry_after=3600), tokens({"4": 1.0}))
    assert (verdict.unscored, verdict.attempts) == (Unscored.ENGINE, 1)


async def test_a_try_that_takes_too_long_is_ended() -> None:
    async def never(_: object) -> None:
        await asyncio.sleep(60)

    policy = FAST.model_copy(update={"timeout": 0.05, "retries": 1})
    verdict = await direct(never, policy=policy)
    assert verdict.unscored is Unscored.ENGINE
    assert verdict.attempts == 2
    assert verdict.error is not None
    assert verdict.error.startswith("timeout:")


@pytest.mark.parametrize("error", [RuntimeError, ValueError, KeyError, ZeroDivisionError])
async def test_a_foreign_models_error_is_named_and_never_quoted(error: type[Exception]) -> None:
    verdict = await direct(error("sk-canary and what the seeker said"))
    assert verdict.unscored is Unscored.ENGINE
    assert verdict.error == error.__name__
    assert verdict.attempts == 1
    assert "canary" not in verdict.model_dump_json()


async def test_cancelling_passes_through() -> None:
    started = asyncio.Event()

    async def never(_: object) -> None:
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(direct(never))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
