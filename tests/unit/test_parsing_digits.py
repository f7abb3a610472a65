"""The direct method's numbers: an expected value over exact digit tokens, or none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perm.parsing import Reading, numbers_mass, read_digit, read_digits, tokens_of
from perm.types import Unscored

pytestmark = pytest.mark.unit


def at(chances: list[tuple[str, float]]) -> dict[str, Any]:
    entries = [
        {"token": token, "logprob": math.log(chance) if chance else -9999.0}
        for token, chance in chances
    ]
    return {"token": chances[0][0] if chances else "", "top_logprobs": entries}


def test_the_expected_value_is_renormalised_over_the_levels() -> None:
    reading = read_digits(at([("4", 0.5), ("3", 0.25), ("5", 0.2), (" ", 0.05)]))
    # (4 * 0.5 + 3 * 0.25 + 5 * 0.2) / 0.95 = 3.75 / 0.95
    assert reading.score == pytest.approx(3.75 / 0.95)
    assert reading.mass == pytest.approx(0.95)
    assert reading.distribution is not None
    assert list(reading.distribution) == ["1", "2", "3", "4", "5"]
    assert sum(reading.distribution.values()) == pytest.approx(1)
    assert reading.distribution["4"] == pytest.approx(0.5 / 0.95)


def test_a_digit_with_a_space_before_it_is_the_same_level() -> None:
    reading = read_digits(at([(" 4", 0.5), ("4", 0.5)]))
    assert (reading.score, reading.mass) == (4.0, 1.0)


@pytest.mark.parametrize("token", ["50", "４", "٤", "4.", "4\n", "  4", "five", "", "6", "0"])
def test_only_the_exact_tokens_count(token: str) -> None:
    reading = read_digits(at([("5", 0.85), (token, 0.15)]))
    assert reading.unscored is Unscored.LOW_MASS
    assert reading.score is None
    assert reading.mass == pytest.approx(0.85)


def test_the_limit_of_the_mass() -> None:
    assert read_digits(at([("5", 0.9001)])).score == 5
    assert read_digits(at([("5", 0.8999)])).unscored is Unscored.LOW_MASS


@pytest.mark.parametrize("logprob", [math.nan, math.inf, 0.5, 10**400, True, None, "0", [0.0]])
def test_what_is_no_probability_makes_no_score(logprob: Any) -> None:
    entries = [{"token": "5", "logprob": 0.0}, {"token": "4", "logprob": logprob}]
    assert read_digits({"top_logprobs": entries}).unscored is Unscored.BAD_NUMBER


@pytest.mark.parametrize("logprob", [-9999, -9999.0, -math.inf, -(10**400)])
def test_nothing_but_impossible_tokens_is_low_mass(logprob: float) -> None:
    reading = read_digits({"top_logprobs": [{"token": "5", "logprob": logprob}]})
    assert (reading.unscored, reading.mass) == (Unscored.LOW_MASS, 0.0)


def test_more_probability_than_there_is_makes_no_score() -> None:
    entries = [{"token": digit, "logprob": 0.0} for digit in "45"]
    assert read_digits({"top_logprobs": entries}).unscored is Unscored.BAD_NUMBER


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"top_logprobs": None},
        {"top_logprobs": "5"},
        {"top_logprobs": [None]},
        {"top_logprobs": [{"token": None, "logprob": 0}]},
        {"top_logprobs": [{"logprob": 0}]},
    ],
)
def test_odd_shapes_make_no_score(broken: dict[str, Any]) -> None:
    assert read_digits(broken).unscored is Unscored.BAD_NUMBER
    assert numbers_mass([{"token": "1", **broken}], 1) is None


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None}, [], "x", {"content": "abc"}])
def test_no_places_where_none_were_told(logprobs: object) -> None:
    assert tokens_of(logprobs) == []


def test_places_are_mappings() -> None:
    assert tokens_of({"content": [{"token": "4"}, None, "4"]}) == [{"token": "4"}]


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 1), min_size=5, max_size=5))
def test_the_score_lies_in_the_scale(weights: list[float]) -> None:
    whole = sum(weights)
    chances = [(str(n + 1), weight / whole) for n, weight in enumerate(weights)]
    reading = read_digits(at(chances))
    assert reading.score is not None
    assert 1 <= reading.score <= 5
    wanted = sum(int(token) * chance for token, chance in chances)
    assert reading.score == pytest.approx(wanted)


def written(*tokens: tuple[str, float]) -> list[dict[str, Any]]:
    """Places of an answer; the number is the probability that digits had there."""
    return [at([(token, chance), ("1", 0.0)]) for token, chance in tokens]


def test_the_mass_of_numbers_is_taken_where_each_begins() -> None:
    comma = (",", 1.0)
    digit_by_digit = written(
        *(("1", 0.99), ("5", 0.4), comma, (" ", 1.0), ("1", 0.95), ("2", 0.3), comma, (" 7", 0.97)),
    )
    assert numbers_mass(digit_by_digit, 3) == pytest.approx(0.95)
    assert numbers_mass(written(("15", 0.99), (" 12", 0.8), (" 9", 1.0)), 3) == pytest.approx(0.8)
    assert numbers_mass(written(("15", 0.99)), 2) is None
    assert numbers_mass([], 1) is None


def test_the_mass_of_a_number_counts_all_digit_tokens() -> None:
    places = [at([("1", 0.5), ("12", 0.3), (" 9", 0.1), ("N", 0.1)])]
    assert numbers_mass(places, 1) == pytest.approx(0.9)


def test_a_nan_among_numbers_cannot_be_told() -> None:
    places = [{"token": "5", "top_logprobs": [{"token": "5", "logprob": math.nan}]}]
    assert numbers_mass(places, 1) is None


@pytest.mark.parametrize("raw", ["4", " 4\n", "4.", "**4**", "Score: 4", "Score: **4**"])
def test_a_digit_alone(raw: str) -> None:
    assert read_digit(raw) == Reading(score=4)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("7", Unscored.OUT_OF_RANGE),
        ("0", Unscored.OUT_OF_RANGE),
        ("50", Unscored.OUT_OF_RANGE),
        ("3.5", Unscored.BAD_NUMBER),
        ("４", Unscored.BAD_NUMBER),
        ("4 of 5", Unscored.BAD_NUMBER),
        ("NaN", Unscored.BAD_NUMBER),
        ("warm", Unscored.NO_VERDICT),
        ("", Unscored.NO_VERDICT),
    ],
)
def test_anything_but_a_digit_is_none(raw: str, reason: Unscored) -> None:
    assert read_digit(raw) == Reading(unscored=reason)
