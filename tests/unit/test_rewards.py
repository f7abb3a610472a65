"""The reward against numbers worked out by hand, and its bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perm.rewards import formula, reward, reward_of
from perm.types import (
    EMPATHY,
    PUBLISHED_REWARD,
    Method,
    Perspective,
    RewardMode,
    RewardSettings,
    Status,
    Unscored,
    Verdict,
)

pytestmark = pytest.mark.unit

R, E, C, B = Perspective
HARMONIC, MEAN, GEOMETRIC = RewardMode


def scores(r: float, e: float, c: float, b: float) -> dict[Perspective, float]:
    return {R: r, E: e, C: c, B: b}


def weighted(mode: RewardMode, r: float, e: float, c: float) -> RewardSettings:
    return RewardSettings(mode=mode, resonation_weight=r, expression_weight=e, reception_weight=c)


@pytest.mark.parametrize(
    ("settings", "given_scores", "empathy"),
    [
        # 3 / (5/5 + 5/5 + 5/5) = 3 / 3
        (RewardSettings(), (5, 5, 5), 1.0),
        # 3 / (5/1 + 5/1 + 5/1) = 3 / 15
        (RewardSettings(), (1, 1, 1), 0.2),
        # 3 / (5/4 + 5/4 + 5/2) = 3 / (1.25 + 1.25 + 2.5) = 3 / 5
        (RewardSettings(), (4, 4, 2), 0.6),
        # 3 / (5/1 + 5/5 + 5/5) = 3 / 7: one low score weighs heavily
        (RewardSettings(), (1, 5, 5), 3 / 7),
        # (4 + 4 + 2) / 15 = 10 / 15
        (RewardSettings(mode=MEAN), (4, 4, 2), 2 / 3),
        (RewardSettings(mode=MEAN), (1, 1, 1), 0.2),
        # (4 * 4 * 2 / 125)^(1/3) = 0.256^(1/3) = 0.6349604...
        (RewardSettings(mode=GEOMETRIC), (4, 4, 2), 0.634960420787),
        # (1 * 1 * 1 / 125)^(1/3) = 1/5
        (RewardSettings(mode=GEOMETRIC), (1, 1, 1), 0.2),
        # weights 2, 1, 1: 4 / (2*5/4 + 5/4 + 5/2) = 4 / (2.5 + 1.25 + 2.5) = 4 / 6.25
        (weighted(HARMONIC, 2, 1, 1), (4, 4, 2), 0.64),
        # (2*4 + 4 + 2) / (5 * 4) = 14 / 20
        (weighted(MEAN, 2, 1, 1), (4, 4, 2), 0.7),
        # (4/5)^(2/4) (4/5)^(1/4) (2/5)^(1/4) = 0.8^0.75 * 0.4^0.25 = 0.6727171322
        (weighted(GEOMETRIC, 2, 1, 1), (4, 4, 2), 0.672717132203),
        # a weight of 0 leaves that score out: 2 / (5/4 + 5/2) = 2 / 3.75
        (weighted(HARMONIC, 0, 1, 1), (1, 4, 2), 8 / 15),
        # only resonation counts: 3/5 in every mode
        (weighted(HARMONIC, 7, 0, 0), (3, 5, 5), 0.6),
        (weighted(MEAN, 7, 0, 0), (3, 5, 5), 0.6),
        (weighted(GEOMETRIC, 7, 0, 0), (3, 5, 5), 0.6),
        # weights at the ends of the number range: 2 / (5/4 + 5/2)
        (weighted(HARMONIC, 1e308, 1e308, 0), (4, 2, 1), 8 / 15),
        (weighted(MEAN, 5e-324, 5e-324, 0), (4, 2, 1), 0.6),
    ],
)
def test_empathy(
    settings: RewardSettings, given_scores: tuple[float, float, float], empathy: float
) -> None:
    assert reward(scores(*given_scores, 100), settings).empathy == pytest.approx(empathy, abs=1e-12)


@pytest.mark.parametrize(
    ("coefficient", "total", "term"),
    [
        (0.1, 100, 0.0),
        (0.1, 0, -0.1),
        (0.1, 78, -0.022),  # 0.1 * (0.78 - 1)
        (0.5, 78, -0.11),
        (0.0, 0, 0.0),
    ],
)
def test_bystander_term(coefficient: float, total: float, term: float) -> None:
    settings = RewardSettings(bystander_coefficient=coefficient)
    assert reward(scores(5, 5, 5, total), settings).bystander == pytest.approx(term)


@pytest.mark.parametrize(("tokens", "term"), [(0, 0.0), (768, 0.0), (769, -0.001), (1024, -0.256)])
def test_length_term_of_the_published_script(tokens: int, term: float) -> None:
    found = reward(scores(5, 5, 5, 100), PUBLISHED_REWARD, tokens)
    assert found.length == pytest.approx(term)
    assert found.total == pytest.approx(1 + term)


def test_the_reward_is_the_sum_of_its_terms() -> None:
    # 3 / (5/4.2 + 5/3.6 + 5/4) = 3 / (1.190476 + 1.388889 + 1.25) = 0.783420
    # 0.1 (78/100 - 1) = -0.022; no length term; 0.783420 - 0.022 = 0.761420
    found = reward(scores(4.2, 3.6, 4.0, 78))
    assert found.total == pytest.approx(0.761420, abs=1e-6)
    assert found.total == found.empathy + found.bystander + found.length


@pytest.mark.parametrize("bad", [0, 0.99, 5.01, 6, -3, math.nan, math.inf, True, "4", None])
@pytest.mark.parametrize("perspective", EMPATHY)
def test_a_score_outside_its_scale_is_refused(perspective: Perspective, bad: float) -> None:
    with pytest.raises(ValueError, match=perspective.value):
        reward(scores(3, 3, 3, 50) | {perspective: bad})


@pytest.mark.parametrize("bad", [-0.1, 100.1, math.nan, False, None])
def test_a_bystander_outside_its_scale_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="bystander"):
        reward(scores(3, 3, 3, 50) | {B: bad})


def test_zero_is_refused_and_not_left_out() -> None:
    """A mean that drops 0 would call (0, 5, 5) perfect."""
    for mode in RewardMode:
        with pytest.raises(ValueError, match="resonation"):
            reward(scores(0, 5, 5, 100), RewardSettings(mode=mode))


def test_a_missing_score_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a score for bystander"):
        reward({R: 3, E: 3, C: 3})


@pytest.mark.parametrize("tokens", [None, -1, True])
def test_a_length_term_needs_the_length(tokens: int | None) -> None:
    with pytest.raises(ValueError, match="tokens"):
        reward(scores(3, 3, 3, 50), PUBLISHED_REWARD, tokens)


def verdict(perspective: Perspective, score: float | None) -> Verdict:
    return Verdict(
        perspective=perspective,
        method=Method.DIRECT,
        status=Status.UNSCORED if score is None else Status.SCORED,
        score=score,
        unscored=Unscored.LOW_MASS if score is None else None,
    )


def test_a_reward_needs_four_of_four() -> None:
    binding = {seat: verdict(seat, score) for seat, score in scores(4, 4, 2, 100).items()}
    found = reward_of(binding)
    assert found is not None
    assert found.total == pytest.approx(0.6)
    for seat in Perspective:
        assert reward_of({**binding, seat: verdict(seat, None)}) is None
        assert reward_of({one: binding[one] for one in binding if one is not seat}) is None
    assert reward_of({}) is None


def test_no_reward_without_the_length_it_needs() -> None:
    binding = {seat: verdict(seat, score) for seat, score in scores(4, 4, 2, 100).items()}
    assert reward_of(binding, PUBLISHED_REWARD) is None
    found = reward_of(binding, PUBLISHED_REWARD, 868)
    assert found is not None
    assert found.total == pytest.approx(0.5)  # 0.6 - 0.001 * 100


@pytest.mark.parametrize(
    ("settings", "tokens", "text"),
    [
        (
            RewardSettings(),
            None,
            "3 / (5/4.2 + 5/3.6 + 5/4) + 0.1 (78/100 - 1) = 0.76",
        ),
        # (4.2 + 3.6 + 4) / 15 = 0.7867; - 0.022
        (
            RewardSettings(mode=MEAN),
            None,
            "(4.2 + 3.6 + 4) / (5×3) + 0.1 (78/100 - 1) = 0.76",
        ),
        # (60.48 / 125)^(1/3) = 0.7850; no bystander term
        (
            RewardSettings(mode=GEOMETRIC, bystander_coefficient=0),
            None,
            "(4.2×3.6×4 / 125)^(1/3) = 0.79",
        ),
        # 4 / (2*1.190476 + 1.388889 + 1.25) = 4 / 5.019841 = 0.79684; - 0.11; - 0.1
        (
            weighted(HARMONIC, 2, 1, 1).model_copy(
                update={"bystander_coefficient": 0.5, "length_coefficient": 0.001}
            ),
            400,
            "4 / (2×5/4.2 + 1×5/3.6 + 1×5/4) + 0.5 (78/100 - 1) - 0.001 × 100 = 0.59",
        ),
        (
            weighted(GEOMETRIC, 2, 1, 1),
            None,
            # 0.84^0.5 * 0.72^0.25 * 0.8^0.25 = 0.916515 * 0.871166 = 0.798437; - 0.022
            "(4.2/5)^(2/4) × (3.6/5)^(1/4) × (4/5)^(1/4) + 0.1 (78/100 - 1) = 0.78",
        ),
    ],
)
def test_the_formula_shows_todays_numbers(
    settings: RewardSettings, tokens: int | None, text: str
) -> None:
    given_scores = scores(4.2, 3.6, 4.0, 78)
    assert formula(reward(given_scores, settings, tokens), given_scores) == text


SCORE = st.floats(1, 5)
WEIGHT = st.floats(0, 1e6)
SETTINGS = st.builds(
    RewardSettings,
    mode=st.sampled_from(RewardMode),
    resonation_weight=st.floats(0.001, 1e6),
    expression_weight=WEIGHT,
    reception_weight=WEIGHT,
    bystander_coefficient=st.floats(0, 1),
    length_coefficient=st.floats(0, 0.01),
)
FOUR = st.builds(scores, SCORE, SCORE, SCORE, st.floats(0, 100))


@settings(deadline=None)
@given(FOUR, SETTINGS, st.integers(0, 100_000))
def test_bounds(given_scores: dict[Perspective, float], settings: RewardSettings, n: int) -> None:
    found = reward(given_scores, settings, n)
    three = [given_scores[seat] / 5 for seat in EMPATHY]
    assert min(three) - 1e-9 <= found.empathy <= max(three) + 1e-9
    assert 0.2 <= found.empathy <= 1
    assert -settings.bystander_coefficient <= found.bystander <= 0
    assert found.length <= 0
    assert found.total <= found.empathy


@settings(deadline=None)
@given(FOUR, SETTINGS, st.sampled_from(Perspective), st.floats(0, 1), st.integers(0, 2000))
def test_a_better_score_never_pays_less(
    given_scores: dict[Perspective, float],
    settings: RewardSettings,
    seat: Perspective,
    share: float,
    n: int,
) -> None:
    highest = seat.scale[1]
    better = given_scores | {seat: given_scores[seat] + share * (highest - given_scores[seat])}
    assume(better[seat] <= highest)
    before, after = reward(given_scores, settings, n), reward(better, settings, n)
    assert after.total >= before.total - 1e-12


@settings(deadline=None)
@given(SCORE, SCORE, SCORE)
def test_the_three_means_stand_in_their_known_order(r: float, e: float, c: float) -> None:
    """Harmonic <= geometric <= arithmetic, with equality where all three are one."""
    low, mid, high = (
        reward(scores(r, e, c, 100), RewardSettings(mode=mode)).empathy
        for mode in (HARMONIC, GEOMETRIC, MEAN)
    )
    assert low <= mid + 1e-12
    assert mid <= high + 1e-12


@settings(deadline=None)
@given(st.permutations([2.0, 3.0, 5.0]), st.sampled_from(RewardMode))
def test_with_equal_weights_the_seats_are_alike(order: list[float], mode: RewardMode) -> None:
    first = reward(scores(2, 3, 5, 50), RewardSettings(mode=mode))
    r, e, c = order
    moved = reward(scores(r, e, c, 50), RewardSettings(mode=mode))
    assert moved.total == pytest.approx(first.total)
