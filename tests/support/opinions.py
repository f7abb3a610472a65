"""A judge that holds a given opinion, for reports that must say what it is known to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from perm.types import JudgeContext, Method, Perspective, Status, Unscored, Verdict

Opinion = Callable[[Perspective, JudgeContext], float | None]


class OpinionatedJudge:
    """No opinion is unscored. It notes how many calls were under way at once."""

    def __init__(self, opinion: Opinion, name: str = "scripted") -> None:
        self.opinion, self.name = opinion, name
        self.busy = self.most = self.calls = 0

    async def judge(
        self, perspective: Perspective, context: JudgeContext, method: Method
    ) -> Verdict:
        self.calls += 1
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        score = self.opinion(perspective, context)
        return Verdict(
            perspective=perspective,
            method=method,
            status=Status.UNSCORED if score is None else Status.SCORED,
            score=score,
            unscored=Unscored.NO_VERDICT if score is None else None,
            judge_model=self.name,
            prompt_hash=f"hash of {perspective}",
        )
