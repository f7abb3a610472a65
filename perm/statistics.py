"""The few statistics that a self-check needs, each with its interval of 95 %.

Wilson's interval for rates (Wilson 1927); Spearman's rank correlation, ties at their mean rank;
pairwise accuracy, the share of pairs put in the right order, a tie counting a half; percentile
bootstrap over whole clusters (Efron 1979), so that items of one situation do not pass for
independent ones.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final, TypeVar

from perm.types import Value

RESAMPLES: Final = 1000
SEED: Final = 20260113
_Z: Final = 1.959963984540054  # the normal distribution's 97.5 % point

Cluster = TypeVar("Cluster")


class Estimate(Value):
    """A figure, its 95 % interval, and how many things it was counted on.

    `value` is None where there is nothing to count; `low`, `high` where no interval can be given.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int


def percent(found: Estimate) -> str:
    """A share in words, with its interval where it has one: `62% (55% to 69%)`; a dash for none."""
    return "-" if found.value is None else f"{found.value:.0%}{between(found)}"


def between(found: Estimate) -> str:
    """A share's interval in words, with a blank before it; empty where there is none."""
    if found.low is None or found.high is None:
        return ""
    return f" ({found.low:.0%} to {found.high:.0%})"


def rate(successes: float, n: int) -> Estimate:
    """A share with Wilson's interval. `successes` may hold halves; 0 <= successes <= n."""
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no share")
    if n == 0:
        return Estimate(value=None, n=0)
    share = successes / n
    spread = 1 + _Z**2 / n
    centre = (share + _Z**2 / (2 * n)) / spread
    margin = _Z / spread * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return Estimate(value=share, low=max(0.0, centre - margin), high=min(1.0, centre + margin), n=n)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's coefficient, -1 to 1; None for fewer than two pairs or where nothing varies."""
    if len(first) != len(second):
        raise ValueError("both sequences must be of one length")
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return max(-1.0, min(1.0, statistics.correlation(_ranks(first), _ranks(second))))


def ordered_pairs(levels: Sequence[float], scores: Sequence[float]) -> tuple[float, int]:
    """How many pairs of different level the scores put in the right order, and of how many.

    A tie of scores counts a half.
    """
    right, pairs = 0.0, 0
    for (level, score), (other_level, other_score) in combinations(
        zip(levels, scores, strict=True), 2
    ):
        if level == other_level:
            continue
        pairs += 1
        if score == other_score:
            right += 0.5
        elif (level < other_level) == (score < other_score):
            right += 1.0
    return right, pairs


def bootstrap(
    clusters: Sequence[Cluster], statistic: Callable[[Sequence[Cluster]], float | None], n: int
) -> Estimate:
    """The statistic of all clusters with its percentile interval over clusters drawn anew.

    The seed is fixed, so that the same clusters give the same interval. Draws for which there is no
    value are left out. A single cluster gives no interval.
    """
    value = statistic(clusters)
    if value is None or len(clusters) < 2:
        return Estimate(value=value, n=n)
    draw = random.Random(SEED)  # noqa: S311 - a repeatable draw is wanted, not a secret
    drawn = (
        statistic(draw.choices(clusters, k=len(clusters)))  # with replacement
        for _ in range(RESAMPLES)
    )
    values = sorted(each for each in drawn if each is not None)
    return Estimate(
        value=value, low=_percentile(values, 0.025), high=_percentile(values, 0.975), n=n
    )


def _percentile(values: Sequence[float], share: float) -> float | None:
    """Of sorted values, between neighbours in proportion."""
    if not values:
        return None
    place = share * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end < len(order) and values[order[end]] == values[order[begin]]:
            end += 1
        for place in order[begin:end]:
            ranks[place] = (begin + 1 + end) / 2
        begin = end
    return ranks
