"""The figures of the Insights page. Pure: the same rows give the same figures.

What has no score, no rating or no time is left out and counted; nothing is filled in. Correlations
are Spearman's and raters' agreement Krippendorff's alpha, both with 95 % bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, quantiles

from pydantic import Field

from chat.insights.rows import Evidence, HumanRating, ScoredReply
from perm import agreement
from perm.statistics import Estimate, bootstrap, ordered_pairs, rank_correlation
from perm.types import Method, Perspective, Value

BINS = 8
"""Columns of a distribution: half a level each for 1 to 5, 12.5 points for the bystander."""


class Distribution(Value):
    """`counts`: from the lowest to the highest part of the scale, `BINS` of them."""

    perspective: Perspective
    counts: tuple[int, ...]
    mean: float | None
    without: int  # replies that have no score from this seat

    @property
    def n(self) -> int:
        return sum(self.counts)


class HumanAgainstJudge(Value):
    """Replies that were both rated by a person (the raters' mean) and scored by the judge."""

    perspective: Perspective
    points: tuple[tuple[float, float], ...]  # (human, judge)
    correlation: Estimate
    difference: float | None  # judge minus human, in the scale's own units


class Thumbs(Value):
    """Rewards of replies with a thumb. `ordered`: of a liked and a disliked reply, how often the
    liked one had the higher reward (0 to 1, chance 0.5, a tie is a half), of `pairs`.
    """

    up: int
    down: int
    mean_up: float | None
    mean_down: float | None
    ordered: float | None
    pairs: int


class Spread(Value):
    """Seconds: the median and the slowest twentieth's edge, of `n`."""

    n: int
    median: float | None = None
    p95: float | None = None


class Insights(Value):
    replies: int
    more: bool
    distributions: tuple[Distribution, ...]
    against: tuple[HumanAgainstJudge, ...]
    raters: int
    agreement: Mapping[Perspective, Estimate]
    thumbs: Thumbs
    first_token: Spread
    complete: Spread
    verdicts: Mapping[Method, Spread] = Field(default_factory=dict)


def insights(evidence: Evidence) -> Insights:
    replies, ratings = evidence.replies, evidence.ratings
    return Insights(
        replies=len(replies),
        more=evidence.more,
        distributions=tuple(_distribution(one, replies) for one in Perspective),
        against=tuple(_against(one, replies, ratings) for one in Perspective),
        raters=len({rating.rater for rating in ratings}),
        agreement={one: _agreement(one, ratings) for one in Perspective},
        thumbs=_thumbs(replies, ratings),
        first_token=spread(reply.first_token for reply in replies),
        complete=spread(reply.complete for reply in replies),
        verdicts={
            method: spread(time.seconds for time in evidence.times if time.method is method)
            for method in Method
        },
    )


def _distribution(perspective: Perspective, replies: Sequence[ScoredReply]) -> Distribution:
    scores = [reply.scores[perspective] for reply in replies if perspective in reply.scores]
    low, high = perspective.scale
    counts = [0] * BINS
    for score in scores:
        counts[min(BINS - 1, int(BINS * (score - low) / (high - low)))] += 1
    return Distribution(
        perspective=perspective,
        counts=tuple(counts),
        mean=fmean(scores) if scores else None,
        without=len(replies) - len(scores),
    )


def _against(
    perspective: Perspective, replies: Iterable[ScoredReply], ratings: Iterable[HumanRating]
) -> HumanAgainstJudge:
    human = _given(perspective, ratings)
    points = tuple(
        (fmean(human[reply.reply_id]), reply.scores[perspective])
        for reply in replies
        if perspective in reply.scores and reply.reply_id in human
    )
    return HumanAgainstJudge(
        perspective=perspective,
        points=points,
        correlation=bootstrap(points, _correlation, n=len(points)),
        difference=fmean(judge - person for person, judge in points) if points else None,
    )


def _given(perspective: Perspective, ratings: Iterable[HumanRating]) -> dict[object, list[float]]:
    """The ratings that each reply got from this seat."""
    found: dict[object, list[float]] = {}
    for rating in ratings:
        if perspective in rating.scores:
            found.setdefault(rating.reply_id, []).append(rating.scores[perspective])
    return found


def _correlation(points: Sequence[tuple[float, float]]) -> float | None:
    return rank_correlation([one for one, _ in points], [other for _, other in points])


def _agreement(perspective: Perspective, ratings: Iterable[HumanRating]) -> Estimate:
    return agreement.agreement([*_given(perspective, ratings).values()], agreement.interval)


def _thumbs(replies: Iterable[ScoredReply], ratings: Iterable[HumanRating]) -> Thumbs:
    rewards = {reply.reply_id: reply.reward for reply in replies if reply.reward is not None}
    given = [
        (rating.thumb, rewards[rating.reply_id])
        for rating in ratings
        if rating.thumb is not None and rating.reply_id in rewards
    ]
    up = [reward for thumb, reward in given if thumb > 0]
    down = [reward for thumb, reward in given if thumb < 0]
    right, pairs = ordered_pairs([thumb for thumb, _ in given], [reward for _, reward in given])
    return Thumbs(
        up=len(up),
        down=len(down),
        mean_up=fmean(up) if up else None,
        mean_down=fmean(down) if down else None,
        ordered=right / pairs if pairs else None,
        pairs=pairs,
    )


def spread(seconds: Iterable[float | None]) -> Spread:
    """Of the times that are known."""
    known = sorted(one for one in seconds if one is not None)
    if len(known) < 2:
        return Spread(n=len(known), median=known[0] if known else None)
    cuts = quantiles(known, n=20, method="inclusive")
    return Spread(n=len(known), median=cuts[9], p95=cuts[18])
