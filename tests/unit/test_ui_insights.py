"""The Insights page in words and pictures; every figure with its n, nothing where there is none."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chat.insights import Evidence, HumanRating, ScoredReply, VerdictTime, insights
from chat.ui.insights_sheet import insights_sheet
from perm.selfcheck_report import SelfCheckReport
from perm.types import Method, Perspective

pytestmark = pytest.mark.unit

R, E, C, B = Perspective


def evidence(n: int) -> Evidence:
    ids = [uuid4() for _ in range(n)]
    replies = tuple(
        ScoredReply(
            reply_id=one,
            model="m",
            scores={E: 1 + place % 5, B: 10.0 * (place % 10)},
            reward=place / n,
            first_token=0.5,
            complete=2.0,
        )
        for place, one in enumerate(ids)
    )
    ratings = tuple(
        HumanRating(
            reply_id=one,
            rater=rater,
            scores={E: 1 + place % 5},
            thumb=1 if place > n / 2 else -1,
        )
        for place, one in enumerate(ids)
        for rater in ("ann", "bob")
    )
    times = (VerdictTime(method=Method.DIRECT, seconds=1.5),)
    return Evidence(replies=replies, ratings=ratings, times=times)


def test_an_empty_page_invites_and_shows_no_zeros() -> None:
    page = insights_sheet(insights(Evidence()), None)
    assert "Figures appear with the first scored replies" in page
    assert "perm-chat selfcheck" in page
    assert "0.00" not in page


def test_every_figure_stands_with_its_n_and_interval() -> None:
    page = insights_sheet(insights(evidence(40)), None)
    assert "40 scored, 0 without a score" in page
    assert "0 scored, 40 without a score" in page  # resonation: a dash, no zero mean
    assert "<h4>Resonation</h4><b>–</b>" in page
    assert '<span class="between">1.00 to 1.00</span>' in page
    assert "How far 2 raters agree" in page
    assert "<b>100%</b> of" in page
    assert "<td>1.5</td><td>–</td><td>1</td>" in page
    assert "That is little to go by" not in page


def test_few_ratings_are_called_few() -> None:
    page = insights_sheet(insights(evidence(6)), None)
    assert "6 replies" in page
    assert "That is little to go by." in page


def test_the_self_check_is_shown_with_what_it_warns_of(report: SelfCheckReport) -> None:
    page = insights_sheet(insights(Evidence()), report)
    assert "&lt;judge&gt;" in page
    assert "<judge>" not in page
    assert page.count("<tr>") >= 4


@pytest.fixture
async def report() -> SelfCheckReport:
    from perm.selfcheck import selfcheck
    from perm.selfcheck_set import load
    from perm.types import JudgeContext, Status, Verdict

    class Fair:
        async def judge(
            self, perspective: Perspective, context: JudgeContext, method: Method
        ) -> Verdict:
            return Verdict(
                perspective=perspective,
                method=method,
                status=Status.SCORED,
                score=1.0 + len(context.part) % 5,
                judge_model="<judge>",
            )

    return await selfcheck(Fair(), load().first(3, 1), Method.DIRECT)
