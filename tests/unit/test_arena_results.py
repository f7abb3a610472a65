"""What votes say: by hand on few, and on many whose truth is known."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chat.arena.prompts_file import MAX_PROMPTS, BadPrompts, read_prompts
from chat.arena.results import results
from chat.store.study_records import Ballot, Choice, Margin, Side, StudyPrompt

pytestmark = pytest.mark.unit


def ballot(choice: Choice, left: Side = Side.A, item: int = 1, **more: object) -> Ballot:
    decided = choice in {Choice.LEFT, Choice.RIGHT}
    values: dict[str, object] = {
        "study_id": uuid4(),
        "comparison_id": uuid4(),
        "item": item,
        "rater": 1,
        "left": left,
        "choice": choice,
        "margin": Margin.CLEAR if decided else None,
        "why": None,
        "voted_at": datetime(2026, 1, 5, tzinfo=UTC),
        "turn_id": uuid4(),
        "a_reply_id": uuid4(),
        "b_reply_id": uuid4(),
        "a_length": 100,
        "b_length": 100,
        **more,
    }
    return Ballot.model_validate(values)


def test_no_votes_are_no_figures() -> None:
    found = results([])
    assert found.votes == 0
    for one in (found.decided, found.overall, found.left, found.longer, found.reward):
        assert one.value is None
        assert one.n == 0
    assert found.agreement.value is None


def test_a_winner_is_the_contestant_and_not_the_side() -> None:
    found = results(
        [
            ballot(Choice.LEFT, Side.A, item=1),  # a
            ballot(Choice.RIGHT, Side.B, item=2),  # a
            ballot(Choice.LEFT, Side.B, item=3),  # b
            ballot(Choice.TIE, item=4),
            ballot(Choice.BOTH_BAD, item=5),
        ]
    )
    assert (found.a_wins, found.b_wins, found.ties, found.both_bad) == (2, 1, 1, 1)
    assert found.decided.value == pytest.approx(2 / 3)
    assert found.decided.n == 3
    assert found.overall.value == pytest.approx((2 + 0.5 + 0.5) / 5)
    assert found.overall.n == 5
    assert found.left.value == pytest.approx(2 / 3)


def test_wilsons_interval_of_seven_in_ten() -> None:
    votes = [ballot(Choice.LEFT, item=n) for n in range(7)]
    votes += [ballot(Choice.RIGHT, item=n) for n in range(7, 10)]
    found = results(votes).decided
    # Wilson for 7 of 10 at 95 %: 0.397 to 0.892
    assert found.low == pytest.approx(0.397, abs=1e-3)
    assert found.high == pytest.approx(0.892, abs=1e-3)


def test_length_and_reward_speak_only_where_they_differ() -> None:
    found = results(
        [
            ballot(Choice.LEFT, a_length=200, a_reward=0.9, b_reward=0.1),  # longer, higher won
            ballot(Choice.RIGHT, a_length=200, a_reward=0.9, b_reward=0.1),  # shorter, lower won
            ballot(Choice.LEFT, a_reward=0.5, b_reward=0.5),
            ballot(Choice.LEFT, a_reward=0.9),  # the other one is unscored
            ballot(Choice.TIE, a_length=200, a_reward=0.9, b_reward=0.1),
        ]
    )
    assert (found.longer.value, found.longer.n) == (0.5, 2)
    assert (found.reward.value, found.reward.n) == (0.5, 2)


def test_raters_agree_on_contestants_wherever_these_stood() -> None:
    same = [
        ballot(choice, left, item=item, rater=rater)
        for item, winner in enumerate([Side.A, Side.B, Side.A, Side.B])
        for rater, left in ((1, Side.A), (2, Side.B))
        for choice in [Choice.LEFT if left is winner else Choice.RIGHT]
    ]
    found = results(same)
    assert found.agreement.value == 1
    assert found.agreement.n == 4
    assert found.raters == {1: 4, 2: 4}
    opposed = [ballot(one.choice, Side.A, one.item, rater=one.rater) for one in same]
    value = results(opposed).agreement.value
    assert value is not None
    assert value < 0


def test_a_true_preference_and_a_true_side_bias_are_found_and_a_false_one_is_not() -> None:
    draw = random.Random(7)
    votes = []
    for item in range(400):
        left = draw.choice(list(Side))
        likes_a = draw.random() < 0.7
        choice = Choice.LEFT if likes_a == (left is Side.A) else Choice.RIGHT
        longer = draw.choice([120, 80])
        votes.append(ballot(choice, left, item, a_length=longer))
    found = results(votes)
    assert found.decided.low is not None
    assert found.decided.low > 0.5
    for one in (found.left, found.longer):
        assert one.low is not None
        assert one.high is not None
        assert one.low < 0.5 < one.high
    always_left = [ballot(Choice.LEFT, draw.choice(list(Side)), n) for n in range(100)]
    assert results(always_left).left.value == 1


def test_many_votes_on_one_prompt_do_not_pass_for_many_prompts() -> None:
    one = results([ballot(Choice.LEFT, item=1, rater=n) for n in range(50)])
    assert one.overall.low is None, "one prompt gives no interval"


def test_prompts_are_read_as_ours_and_as_perms_own() -> None:
    text = (
        '{"persona": "a nurse", "scenario": "late", "message": "So tired."}\n\n'
        '{"persona": {"identity": "a cook"}, "scenario": "noon", "dialogue": ["Burnt.", "Hm."]}\n'
    )
    assert read_prompts(text, 100) == [
        StudyPrompt(persona="a nurse", scenario="late", message="So tired."),
        StudyPrompt(persona="a cook", scenario="noon", message="Burnt."),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no prompt"),
        ("nonsense", "Line 1 is not JSON"),
        ("[" * 100_000, "Line 1 is not JSON"),
        ('{"message": "a"}\n[1]', "Line 2 is not a record"),
        ('{"persona": "x"}', "Line 1 has no message"),
        ('{"message": 5}', "Line 1 has no message"),
        ('{"message": "' + "a" * 101 + '"}', "message in line 1 has more than 100"),
        ('{"message": "a"}\n' * (MAX_PROMPTS + 1), "at most"),
    ],
)
def test_prompts_that_cannot_be_used_are_named(text: str, said: str) -> None:
    with pytest.raises(BadPrompts, match=said):
        read_prompts(text, 100)
