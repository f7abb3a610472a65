"""Krippendorff's alpha: published examples, and what must hold for any ratings."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perm.agreement import agreement, alpha, interval, nominal

pytestmark = pytest.mark.unit

# Three raters, fifteen units, gaps included: the worked example of the measure's encyclopedia
# article, which gives 0.691 for nominal and 0.811 for interval data.
FIRST = ["*", "*", "*", "*", "*", "3", "4", "1", "2", "1", "1", "3", "3", "*", "3"]
SECOND = ["1", "*", "2", "1", "3", "3", "4", "3", "*", "*", "*", "*", "*", "*", "*"]
THIRD = ["*", "*", "2", "1", "3", "4", "4", "*", "2", "1", "1", "3", "3", "*", "4"]
UNITS = [
    [int(rating) for rating in unit if rating != "*"]
    for unit in zip(FIRST, SECOND, THIRD, strict=True)
]


def test_the_published_example() -> None:
    assert alpha(UNITS, nominal) == pytest.approx(0.691, abs=0.0005)
    assert alpha(UNITS, interval) == pytest.approx(0.811, abs=0.0005)


def test_two_raters_and_two_kinds_by_hand() -> None:
    # 10 units, 2 raters: 8 agreed (5 x a, 3 x b), 2 disagreed: a 12 times, b 8 times, n = 20.
    units = [["a", "a"]] * 5 + [["b", "b"]] * 3 + [["a", "b"]] * 2
    # observed 2 x 2 = 4, expected 2 x 12 x 8 = 192: 1 - 19 x 4 / 192
    assert alpha(units, nominal) == pytest.approx(1 - 19 * 4 / 192)


def test_full_agreement_is_one_and_systematic_disagreement_is_below_zero() -> None:
    assert alpha([["a", "a"], ["b", "b"]], nominal) == 1
    found = alpha([["a", "b"]] * 6, nominal)
    assert found is not None
    assert found < 0


@pytest.mark.parametrize("units", [[], [["a"]], [["a"], ["b"]], [["a", "a"], ["a", "a", "a"]]])
def test_nothing_is_said_where_nothing_can_be(units: Sequence[Sequence[str]]) -> None:
    assert alpha(units, nominal) is None
    assert agreement(units, nominal).value is None


def test_the_interval_holds_the_value_and_counts_paired_units() -> None:
    found = agreement(UNITS, nominal)
    assert found.n == 12
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4), max_size=12))
def test_it_is_at_most_one_and_the_order_of_raters_is_nothing(units: list[list[str]]) -> None:
    found = alpha(units, nominal)
    turned = alpha([list(reversed(unit)) for unit in units], nominal)
    assert found is None or found <= 1 + 1e-9
    assert found == pytest.approx(turned) if found is not None else turned is None
