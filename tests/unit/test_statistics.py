"""The statistics against values worked out by hand or published."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perm.statistics import Estimate, bootstrap, ordered_pairs, rank_correlation, rate

pytestmark = pytest.mark.unit

numbers = st.integers(-50, 50).map(float)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),  # Wilson's interval: 0 of n gives z²/(n + z²) above
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    found = rate(successes, n)
    assert found.value == successes / n
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_a_rate_of_nothing_is_none() -> None:
    assert rate(0, 0) == Estimate(value=None, n=0)
    with pytest.raises(ValueError, match="no share"):
        rate(3, 2)


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4, 5], [5, 6, 7, 8, 7], 0.8208),  # with a tie: 8 / sqrt(10 · 9.5)
        ([1, 2], [1, 1], None),
        ([1], [1], None),
        ([], [], None),
    ],
)
def test_spearman(first: list[float], second: list[float], value: float | None) -> None:
    found = rank_correlation(first, second)
    if value is None:
        assert found is None
    else:
        assert found == pytest.approx(value, abs=1e-4)


def test_spearman_wants_pairs() -> None:
    with pytest.raises(ValueError, match="one length"):
        rank_correlation([1, 2], [1])


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=30))
def test_spearman_knows_order_alone(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = rank_correlation(first, second)
    stretched = rank_correlation([value**3 + 7 for value in first], second)
    assert found == pytest.approx(stretched)
    assert found is None or -1 <= found <= 1
    assert rank_correlation(second, first) == pytest.approx(found)


def test_ordered_pairs() -> None:
    assert ordered_pairs([1, 3, 5], [1.0, 2.0, 3.0]) == (3.0, 3)
    assert ordered_pairs([1, 3, 5], [3.0, 2.0, 1.0]) == (0.0, 3)
    assert ordered_pairs([1, 3, 5], [2.0, 2.0, 2.0]) == (1.5, 3)
    assert ordered_pairs([1, 1, 5], [1.0, 9.0, 5.0]) == (1.0, 2)
    assert ordered_pairs([], []) == (0.0, 0)


def test_bootstrap_is_repeatable_and_covers() -> None:
    clusters = [[float(value % 7)] * 3 for value in range(40)]

    def mean(drawn: Sequence[list[float]]) -> float:
        values = [value for cluster in drawn for value in cluster]
        return sum(values) / len(values)

    found = bootstrap(clusters, mean, n=120)
    assert found == bootstrap(clusters, mean, n=120)
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert found.low < found.value < found.high
    # The clusters' own standard error, about 2/sqrt(40), not that of 120 independent values.
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2.0 / 40**0.5, rel=0.25)


def test_bootstrap_without_anything_to_draw() -> None:
    assert bootstrap([], lambda drawn: None, n=0) == Estimate(value=None, n=0)
    assert bootstrap([1], lambda drawn: 3.0, n=1) == Estimate(value=3.0, n=1)
