"""A judge with a scripted model, and what it is asked to judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from perm.judges import Judge, JudgePolicy
from perm.rubrics import load
from perm.types import (
    Capabilities,
    EngineError,
    EngineFault,
    JudgeContext,
    Method,
    Perspective,
    Verdict,
)
from tests.support.answers import Answer, Scripted

RUBRICS: Final = load(Path(__file__).parents[2] / "prompts")
ABLE: Final = Capabilities(logprobs=True, top_logprobs=20, assistant_prefix=True)
FAST: Final = JudgePolicy(first_wait=0.001, longest_wait=0.05, timeout=5)
R, E, C, B = Perspective
DIRECT, REASONED = Method
CONTEXT: Final = JudgeContext(
    persona="a nurse", scenario="a night", message="It hurts.", part="Oh no."
)


def judge_of(
    *answers: Answer, able: Capabilities = ABLE, policy: JudgePolicy = FAST
) -> tuple[Judge, Scripted]:
    model = Scripted(*answers)
    return Judge(model, "a-judge", able, RUBRICS, policy), model


async def direct(*answers: Answer, seat: Perspective = E, **options: Any) -> Verdict:
    return await judge_of(*answers, **options)[0].judge(seat, CONTEXT, DIRECT)


async def reasoned(*answers: Answer, seat: Perspective = E, **options: Any) -> Verdict:
    return await judge_of(*answers, **options)[0].judge(seat, CONTEXT, REASONED)


def fault(kind: EngineFault, retry_after: float | None = None) -> EngineError:
    return EngineError(kind, "The server said no.", "Ask it again.", retry_after)
