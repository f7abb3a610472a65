"""PERM's reward as a TRL reward function: four judgements of every completion, at once.

Two things a completion can be besides rewarded. *Unscored*: the judge failed or could not be read.
That is nobody's doing in training, so its reward is None and it is left out of the update.
*Malformed*: the model ignored the format, or left one of its two parts empty. That is its own
doing and certain without a judge, so by default it gets the lowest reward that the scales allow:
left out, a model that stopped writing the Analysis would never hear of it, and the published
training had such completions judged as empty.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from perm.fencing import says_something
from perm.judges import Judge, contexts_for
from perm.parsing import split_output
from perm.rewards import reward, reward_of
from perm.types import (
    PUBLISHED_REWARD,
    EngineError,
    EngineFault,
    Exchange,
    JudgeContext,
    Method,
    Perspective,
    RewardSettings,
    Unscored,
    Value,
    Verdict,
)

GIVE_UP_AFTER: Final = 3
"""Batches in a row in which every judge call failed at the engine: the judge is gone."""

RewardFunction = Callable[..., Awaitable[list[float | None]]]


class Malformed(StrEnum):
    """What becomes of a completion that is not an Analysis and a Response."""

    LOWEST = "lowest"  # the reward of the lowest scores, and its length term
    LEAVE_OUT = "leave-out"


class Outcome(Value):
    """What became of one completion. `reward` is None where it is left out."""

    reward: float | None
    malformed: bool = False
    verdicts: Mapping[Perspective, Verdict] = {}

    @property
    def failed_wholly(self) -> bool:
        """Whether every call failed at the judge's engine."""
        return bool(self.verdicts) and all(
            verdict.unscored is Unscored.ENGINE for verdict in self.verdicts.values()
        )


class PermReward:
    """The reward function. Give it to TRL's GRPOTrainer as one of `reward_funcs`.

    Columns of the data set that it reads, each optional: `persona`, `scenario` (text), `message`
    (the seeker's words without the frame; else the prompt's last message), `history` (earlier
    exchanges, each with `message` and `response`).
    `calls`: how many judge calls may run at once. `unscored` counts the reasons so far.
    """

    __name__ = "perm"  # what TRL calls it in its log

    def __init__(
        self,
        judge: Judge,
        *,
        method: Method = Method.REASONED,
        settings: RewardSettings = PUBLISHED_REWARD,
        malformed: Malformed = Malformed.LOWEST,
        calls: int = 16,
    ) -> None:
        self.settings = settings
        self.unscored: Counter[str] = Counter()
        self._judge = judge
        self._method = method
        self.malformed = malformed
        self._calls = calls
        self._failed_batches = 0

    async def __call__(
        self,
        completions: Sequence[object],
        completion_ids: Sequence[Sequence[int]] | None = None,
        **given: Any,  # noqa: ANN401 - TRL gives every column, and more
    ) -> list[float | None]:
        """A reward for each completion, None for what is left out. Raises `EngineError` only
        when the judge is gone for good."""
        if completion_ids is None and self.settings.length_coefficient > 0:
            raise ValueError("the length term needs completion_ids, as GRPOTrainer gives them")
        seats = asyncio.Semaphore(self._calls)
        outcomes = await asyncio.gather(
            *(
                self._outcome(
                    text_of(completion),
                    len(completion_ids[index]) if completion_ids is not None else None,
                    _row(given, index),
                    seats,
                )
                for index, completion in enumerate(completions)
            )
        )
        self._count(outcomes)
        _log(outcomes, given)
        return [outcome.reward for outcome in outcomes]

    async def _outcome(
        self, text: str, tokens: int | None, row: Mapping[str, Any], seats: asyncio.Semaphore
    ) -> Outcome:
        output = split_output(text)
        parts = (output.analysis, output.response)
        if not output.formatted or not all(map(says_something, parts)):
            return Outcome(reward=self._of_malformed(tokens), malformed=True)
        contexts = contexts_for(
            str(row.get("persona") or ""),
            str(row.get("scenario") or ""),
            str(row.get("message") or "") or _last_message(row.get("prompts")),
            output,
            history_of(row.get("history")),
        )
        landed = await asyncio.gather(
            *(self._one(perspective, context, seats) for perspective, context in contexts.items())
        )
        verdicts = dict(zip(contexts, landed, strict=True))
        total = reward_of(verdicts, self.settings, tokens)
        return Outcome(reward=None if total is None else total.total, verdicts=verdicts)

    async def _one(
        self, perspective: Perspective, context: JudgeContext, seats: asyncio.Semaphore
    ) -> Verdict:
        async with seats:
            return await self._judge.judge(perspective, context, self._method)

    def _of_malformed(self, tokens: int | None) -> float | None:
        if self.malformed is Malformed.LEAVE_OUT:
            return None
        lowest = {perspective: perspective.scale[0] for perspective in Perspective}
        return reward(lowest, self.settings, tokens).total

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        """Keep the reasons, and end the run where the judge is gone: it would learn nothing."""
        judged = [outcome for outcome in outcomes if outcome.verdicts]
        for outcome in judged:
            for verdict in outcome.verdicts.values():
                if verdict.unscored is not None:
                    self.unscored[verdict.unscored.value] += 1
        if not judged:
            return
        gone = all(outcome.failed_wholly for outcome in judged)
        self._failed_batches = self._failed_batches + 1 if gone else 0
        if self._failed_batches >= GIVE_UP_AFTER:
            why = next(iter(judged[-1].verdicts.values())).error or "no reason was given"
            raise EngineError(
                EngineFault.NOT_READY,
                f"The judge failed for every completion of {GIVE_UP_AFTER} batches in a row: {why}",
                "Put the judge right; the run goes on from its last checkpoint with --resume.",
            )


def judged_on(loop: asyncio.AbstractEventLoop, reward: PermReward) -> RewardFunction:
    """The same reward, its calls made on that loop, where the judge's engine lives.

    TRL has a loop of its own, and an engine's connections belong to the loop that opened them.
    """

    async def perm(**given: Any) -> list[float | None]:  # noqa: ANN401
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(reward(**given), loop))

    return perm


def text_of(completion: object) -> str:
    """A completion as TRL gives it: text, or messages of which the last is the supporter's."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, Sequence) and completion:
        last = completion[-1]
        content = last.get("content") if isinstance(last, Mapping) else None
        return content if isinstance(content, str) else ""
    return ""


def history_of(value: object) -> tuple[Exchange, ...]:
    """The column `history`: earlier exchanges, oldest first; None is none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(
        Exchange(message=str(one["message"]), response=str(one["response"])) for one in value
    )


def _row(given: Mapping[str, Any], index: int) -> dict[str, Any]:
    names = ("persona", "scenario", "message", "history", "prompts")
    return {name: given[name][index] for name in names if given.get(name) is not None}


def _last_message(prompt: object) -> str:
    return prompt if isinstance(prompt, str) else text_of(prompt)


def _log(outcomes: Sequence[Outcome], given: Mapping[str, Any]) -> None:
    """Tell TRL's log one value a completion, so that its means are means over completions."""
    log_metric = given.get("log_metric")
    if log_metric is None:
        return
    for outcome in outcomes:
        log_metric("perm/malformed", float(outcome.malformed))
        log_metric("perm/unscored", float(not outcome.malformed and outcome.reward is None))
        log_metric("perm/left_out", float(outcome.reward is None))
        for perspective, verdict in outcome.verdicts.items():
            if verdict.score is not None:
                log_metric(f"perm/{perspective}", verdict.score)
