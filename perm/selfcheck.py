"""How far can a judge be trusted? It judges a set of known levels, and the result is counted.

A part without a score is left out of accuracy and correlation and counted as unscored; it never
becomes a number. A judge that leaves out what it finds hard looks better in what is left, so the
two figures belong together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol

from perm.rewards import reward
from perm.selfcheck_report import HarmReport, PerspectiveReport, SelfCheckReport
from perm.selfcheck_set import Harm, HarmfulPair, SelfCheckSet, Side, Situation
from perm.statistics import Estimate, bootstrap, ordered_pairs, rank_correlation, rate
from perm.types import JudgeContext, Method, Perspective, RewardSettings, Value, Verdict

Progress = Callable[[int, int], None]
"""Told after each verdict: how many are there, of how many."""

SideName = Literal["harmful", "sober"]
_SIDES: Final[tuple[SideName, SideName]] = ("harmful", "sober")


class Judging(Protocol):
    """What a self-check needs of a judge; `perm.judges.Judge` is one."""

    async def judge(
        self, perspective: Perspective, context: JudgeContext, method: Method
    ) -> Verdict:
        """One verdict; never raises."""


class Question(Value):
    """One judge call to be made. `level` for a situation's part, `side` for a pair's."""

    item: str
    perspective: Perspective
    context: JudgeContext
    level: int | None = None
    side: SideName | None = None


class Outcome(Value):
    """A question and the verdict it got."""

    question: Question
    verdict: Verdict

    @property
    def score(self) -> float | None:
        return self.verdict.score


async def selfcheck(
    judge: Judging,
    items: SelfCheckSet,
    method: Method,
    concurrency: int = 1,
    *,
    rewarding: RewardSettings | None = None,
    progress: Progress | None = None,
) -> SelfCheckReport:
    """Judge the whole set and count. At most `concurrency` calls are under way at once.

    Harmful pairs are compared by the reward under `rewarding`, the app's own settings by default,
    without a length term: the set's replies have no token counts.
    """
    outcomes = await ask(judge, questions(items), method, concurrency, progress)
    return report(items, method, outcomes, rewarding)


def questions(items: SelfCheckSet) -> list[Question]:
    """Every call the set needs: perspective by perspective, so that a rubric stays cached."""
    sources: list[Situation | HarmfulPair] = [*items.situations, *items.pairs]
    return [
        question
        for perspective in Perspective
        for source in sources
        for question in _questions(source, perspective)
    ]


async def ask(
    judge: Judging,
    asked: Sequence[Question],
    method: Method,
    concurrency: int = 1,
    progress: Progress | None = None,
) -> list[Outcome]:
    """The outcomes, in the order of the questions."""
    if concurrency < 1:
        raise ValueError("at least one call at a time")
    room = asyncio.Semaphore(concurrency)
    done = 0

    async def one(question: Question) -> Outcome:
        nonlocal done
        async with room:
            verdict = await judge.judge(question.perspective, question.context, method)
        done += 1
        if progress is not None:
            progress(done, len(asked))
        return Outcome(question=question, verdict=verdict)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(question)) for question in asked]
    return [task.result() for task in tasks]


def report(
    items: SelfCheckSet,
    method: Method,
    outcomes: Sequence[Outcome],
    rewarding: RewardSettings | None = None,
) -> SelfCheckReport:
    """What the outcomes say. Pure: the same outcomes give the same report, intervals included."""
    settings = (rewarding or RewardSettings()).model_copy(update={"length_coefficient": 0.0})
    sides = _sides(outcomes)
    rewards = {
        (pair, side): reward(scores, settings).total if len(scores) == len(Perspective) else None
        for (pair, side), scores in sides.items()
    }
    ids = [pair.id for pair in items.pairs]
    return SelfCheckReport(
        judge_model=next((each.verdict.judge_model for each in outcomes), ""),
        method=method,
        prompt_hashes={each.question.perspective: each.verdict.prompt_hash for each in outcomes},
        set_hash=items.hash,
        perspectives=tuple(_perspective(seat, outcomes) for seat in Perspective),
        harm_by_reward=_harm(ids, rewards),
        harm_by_perspective={
            seat: _harm(ids, {key: scores.get(seat) for key, scores in sides.items()})
            for seat in Perspective
        },
        harm_by_kind={
            kind.value: _harm([pair.id for pair in items.pairs if pair.harm is kind], rewards)
            for kind in sorted({pair.harm for pair in items.pairs}, key=list(Harm).index)
        },
        outscored_pairs=tuple(
            pair
            for pair in ids
            if _outscored(rewards.get((pair, "harmful")), rewards.get((pair, "sober")))
        ),
    )


def _questions(source: Situation | HarmfulPair, seat: Perspective) -> Iterator[Question]:
    def question(part: str, level: int | None = None, side: SideName | None = None) -> Question:
        context = JudgeContext(
            persona=source.persona, scenario=source.scenario, message=source.message, part=part
        )
        return Question(item=source.id, perspective=seat, context=context, level=level, side=side)

    if isinstance(source, HarmfulPair):
        replies: Mapping[SideName, Side] = {"harmful": source.harmful, "sober": source.sober}
        for side in _SIDES:
            reply = replies[side]
            yield question(reply.analysis if seat.rates_analysis else reply.response, side=side)
    elif seat.rates_analysis:
        for analysis in source.analyses:
            yield question(analysis.text, level=analysis.level)
    else:
        for response in source.responses:
            yield question(response.text, level=response.level(seat))


class _Part(Value):
    """One scored part of a situation."""

    level: int
    score: float
    length: int


def _perspective(seat: Perspective, outcomes: Iterable[Outcome]) -> PerspectiveReport:
    mine = [each for each in outcomes if each.question.perspective is seat]
    clusters: dict[str, list[_Part]] = {}
    for each in mine:
        level, score = each.question.level, each.score
        if level is not None and score is not None:
            part = _Part(level=level, score=score, length=len(each.question.context.part))
            clusters.setdefault(each.question.item, []).append(part)
    situations = list(clusters.values())
    return PerspectiveReport(
        perspective=seat,
        asked=len(mine),
        unscored=rate(sum(each.score is None for each in mine), len(mine)),
        pairwise=_pairwise(situations),
        correlation=bootstrap(situations, _correlation, n=sum(map(len, situations))),
        length_alone=_share([_count(parts, by_length=True) for parts in situations]),
    )


def _pairwise(situations: Sequence[Sequence[_Part]]) -> Estimate:
    counts = [_count(parts) for parts in situations]
    return bootstrap(counts, _share, n=sum(pairs for _, pairs in counts))


def _count(parts: Sequence[_Part], *, by_length: bool = False) -> tuple[float, int]:
    scores = [part.length if by_length else part.score for part in parts]
    return ordered_pairs([part.level for part in parts], scores)


def _share(counts: Sequence[tuple[float, int]]) -> float | None:
    pairs = sum(count for _, count in counts)
    return sum(right for right, _ in counts) / pairs if pairs else None


def _correlation(situations: Sequence[Sequence[_Part]]) -> float | None:
    parts = [part for situation in situations for part in situation]
    return rank_correlation([part.level for part in parts], [part.score for part in parts])


Key = tuple[str, SideName]


def _sides(outcomes: Iterable[Outcome]) -> dict[Key, dict[Perspective, float]]:
    """The scores of each side of each pair, by perspective; what is unscored is missing."""
    found: dict[Key, dict[Perspective, float]] = {}
    for each in outcomes:
        if each.question.side is not None:
            scores = found.setdefault((each.question.item, each.question.side), {})
            if each.score is not None:
                scores[each.question.perspective] = each.score
    return found


def _harm(pairs: Sequence[str], values: Mapping[Key, float | None]) -> HarmReport:
    both = [
        (harmful, sober)
        for pair in pairs
        if (harmful := values.get((pair, "harmful"))) is not None
        and (sober := values.get((pair, "sober"))) is not None
    ]
    return HarmReport(
        outscored=rate(sum(_outscored(*each) for each in both), len(both)),
        ties=sum(harmful == sober for harmful, sober in both),
        left_out=len(pairs) - len(both),
    )


def _outscored(harmful: float | None, sober: float | None) -> bool:
    return harmful is not None and sober is not None and harmful > sober
