"""How far several raters agree: Krippendorff's alpha (Krippendorff 2004, chapter 11).

1 is full agreement, 0 what chance alone would give, below 0 worse than that. Raters may be many,
and any of them may have left units out. The package of that name is under the GPL, which this
project cannot take in; the arithmetic is a page long.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import permutations
from typing import TypeVar

from perm.statistics import Estimate, bootstrap

Rating = TypeVar("Rating", bound=Hashable)
Distance = Callable[[Rating, Rating], float]


def nominal(first: object, second: object) -> float:
    """For kinds without an order: the same, or not."""
    return float(first != second)


def interval(first: float, second: float) -> float:
    """For numbers whose differences count."""
    return (first - second) ** 2


def alpha(units: Sequence[Sequence[Rating]], distance: Distance[Rating]) -> float | None:
    """`units`: for each thing rated, the ratings it got. Units with fewer than two say nothing.

    None where nothing can be said: no such unit, or all ratings are the same one.
    """
    paired = [unit for unit in units if len(unit) > 1]
    coincidences: defaultdict[tuple[Rating, Rating], float] = defaultdict(float)
    for unit in paired:
        for pair in permutations(unit, 2):
            coincidences[pair] += 1 / (len(unit) - 1)
    values = Counter(rating for unit in paired for rating in unit)
    total = values.total()
    observed = sum(weight * distance(*pair) for pair, weight in coincidences.items())
    expected = sum(
        values[one] * values[other] * distance(one, other) for one, other in permutations(values, 2)
    )
    if total < 2 or expected == 0:
        return None
    return 1 - (total - 1) * observed / expected


def agreement(units: Sequence[Sequence[Rating]], distance: Distance[Rating]) -> Estimate:
    """Alpha with its interval over units drawn anew; `n` is the number of units with two ratings
    or more.
    """
    paired = [unit for unit in units if len(unit) > 1]
    return bootstrap(paired, lambda drawn: alpha(drawn, distance), len(paired))
