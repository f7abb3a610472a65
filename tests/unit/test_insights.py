"""Insights: each figure against hand-made rows whose figure is known."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from chat.insights import Evidence, HumanRating, Insights, ScoredReply, VerdictTime, insights
from chat.insights.figures import spread
from perm.types import Method, Perspective

pytestmark = pytest.mark.unit

R, E, C, B = Perspective


def reply(reply_id: UUID | None = None, **known: object) -> ScoredReply:
    return ScoredReply.model_validate({"reply_id": reply_id or uuid4(), "model": "m", **known})


def rating(reply_id: UUID, rater: str = "ann", **said: object) -> HumanRating:
    return HumanRating.model_validate({"reply_id": reply_id, "rater": rater, **said})


def of(*replies: ScoredReply, ratings: tuple[HumanRating, ...] = ()) -> Insights:
    return insights(Evidence(replies=replies, ratings=ratings))


def test_nothing_gives_no_figure() -> None:
    found = of()
    assert found.replies == 0
    assert all(one.n == 0 and one.mean is None for one in found.distributions)
    assert all(one.correlation.value is None for one in found.against)
    assert found.thumbs.ordered is None
    assert found.first_token.median is None
    assert all(one.value is None for one in found.agreement.values())


def test_a_score_falls_into_its_part_of_the_scale() -> None:
    scores = [1.0, 1.49, 1.5, 3.0, 5.0]
    found = of(*(reply(scores={E: score}) for score in scores), reply(scores={B: 100.0}))
    expression, bystander = found.distributions[1], found.distributions[3]
    assert expression.counts == (2, 1, 0, 0, 1, 0, 0, 1)
    assert (expression.n, expression.without) == (5, 1)
    assert expression.mean == pytest.approx(sum(scores) / 5)
    assert bystander.counts == (0, 0, 0, 0, 0, 0, 0, 1)
    assert bystander.without == 5


def test_people_against_the_judge_takes_the_mean_of_raters() -> None:
    ids = [uuid4() for _ in range(3)]
    replies = [
        reply(one, scores={C: score}) for one, score in zip(ids, (2.0, 3.0, 4.5), strict=True)
    ]
    ratings = (
        rating(ids[0], scores={C: 1}),
        rating(ids[0], "bob", scores={C: 2}),
        rating(ids[1], scores={C: 3}),
        rating(ids[2], scores={C: 5}),
        rating(uuid4(), scores={C: 5}),  # of a reply that is not among them
        rating(ids[1], scores={R: 5}),  # the judge gave no resonation here
    )
    found = of(*replies, ratings=ratings)
    reception = found.against[2]
    assert reception.points == ((1.5, 2.0), (3.0, 3.0), (5.0, 4.5))
    assert reception.correlation.value == pytest.approx(1.0)
    assert reception.correlation.n == 3
    assert reception.difference == pytest.approx(0.0)
    assert found.against[0].points == ()
    assert found.raters == 2


def test_raters_that_agree_and_raters_that_do_not() -> None:
    ids = [uuid4() for _ in range(4)]
    ratings = []
    for one, level in zip(ids, (1, 2, 4, 5), strict=True):
        ratings += [
            rating(one, scores={E: level, C: level}),
            rating(one, "bob", scores={E: level, C: 6 - level}),
        ]
    found = of(*map(reply, ids), ratings=tuple(ratings))
    assert found.agreement[E].value == pytest.approx(1.0)
    assert found.agreement[E].n == 4
    against = found.agreement[C].value
    assert against is not None
    assert against < 0
    assert found.agreement[R].value is None


def test_rewards_of_liked_and_disliked_replies() -> None:
    rewards = {"liked": 0.9, "liked too": 0.5, "disliked": 0.6, "unscored": None}
    ids = {name: uuid4() for name in rewards}
    replies = [reply(ids[name], reward=reward) for name, reward in rewards.items()]
    ratings = (
        rating(ids["liked"], thumb=1),
        rating(ids["liked too"], thumb=1),
        rating(ids["disliked"], thumb=-1),
        rating(ids["unscored"], thumb=1),
    )
    thumbs = of(*replies, ratings=ratings).thumbs
    assert (thumbs.up, thumbs.down, thumbs.pairs) == (2, 1, 2)
    assert thumbs.ordered == 0.5
    assert thumbs.mean_up == pytest.approx(0.7)


def test_times_are_by_method_and_what_is_unknown_is_left_out() -> None:
    times = tuple(
        VerdictTime(method=method, seconds=seconds)
        for method, seconds in ((Method.DIRECT, 1.0), (Method.DIRECT, 3.0), (Method.REASONED, 9.0))
    )
    found = insights(Evidence(replies=(reply(first_token=0.5), reply()), times=times))
    assert found.verdicts[Method.DIRECT].median == 2.0
    assert (found.verdicts[Method.REASONED].n, found.verdicts[Method.REASONED].p95) == (1, None)
    assert (found.first_token.n, found.first_token.median) == (1, 0.5)


def test_the_slowest_twentieth() -> None:
    found = spread(float(number) for number in range(101))
    assert (found.median, found.p95) == (50.0, 95.0)
