"""Scoring of texts that were written elsewhere: a record in, four verdicts and a reward out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chat.scoring.records import Record
from chat.settings import Scoring
from perm.judges import Judge
from perm.rewards import reward_of
from perm.types import (
    Capabilities,
    JudgeContext,
    Method,
    Perspective,
    Reward,
    RewardSettings,
    Unscored,
    Value,
    Verdict,
)


class Scored(Value):
    """The four verdicts, and the reward if all four are scored."""

    verdicts: Mapping[Perspective, Verdict]
    reward: Reward | None

    @property
    def failed_wholly(self) -> bool:
        """Whether every call failed at the judge's engine: nothing was wrong with the record."""
        return all(verdict.unscored is Unscored.ENGINE for verdict in self.verdicts.values())


Gate = Callable[[Callable[[], Awaitable[Verdict]]], Awaitable[Verdict]]
"""Runs one judge call when it is its turn."""


@dataclass(frozen=True)
class Scorer:
    """Judges records by one method. Every call to the judge goes through `gate`."""

    judge: Judge
    method: Method
    reward: RewardSettings
    gate: Gate

    async def score(self, record: Record) -> Scored:
        """All four at once. What cannot be scored is unscored and says why; nothing is raised."""
        contexts = record.contexts
        verdicts = await asyncio.gather(
            *(self._one(perspective, contexts[perspective]) for perspective in Perspective)
        )
        found = dict(zip(Perspective, verdicts, strict=True))
        return Scored(verdicts=found, reward=reward_of(found, self.reward, record.tokens))

    async def _one(self, perspective: Perspective, context: JudgeContext) -> Verdict:
        return await self.gate(lambda: self.judge.judge(perspective, context, self.method))


def method_for(scoring: Scoring, capabilities: Capabilities) -> Method:
    """One method for a whole file. `auto`: direct where probabilities are told, else reasoned."""
    if scoring is Scoring.AUTO:
        return Method.DIRECT if capabilities.logprobs else Method.REASONED
    return Method(scoring.value)


def as_line(scored: Scored, *, raw: bool = False) -> dict[str, Any]:
    """The four perspectives and the reward as a line of OUT, or an answer of the API, shows them.

    `raw`: with what the judge said, word for word.
    """
    line: dict[str, Any] = {
        perspective.value: _shown(scored.verdicts[perspective], raw) for perspective in Perspective
    }
    line["reward"] = scored.reward.model_dump(mode="json") if scored.reward else None
    return line


def _shown(verdict: Verdict, raw: bool) -> dict[str, Any]:
    names = ["status", "score", "reason", "method", "unscored", "error", "distribution", "mass"]
    if verdict.perspective is Perspective.BYSTANDER:
        names.append("parts")
    names += ["seconds", "raw"] if raw else ["seconds"]
    dumped = verdict.model_dump(mode="json")
    return {name: dumped[name] for name in names}
