"""The arena's pages as HTML: lists, results, sheets; escaped, and open about what is not known."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chat.arena.results import results
from chat.store.study_records import (
    Choice,
    Contestant,
    Progress,
    Sheet,
    Side,
    Study,
    StudyKind,
    StudySummary,
)
from chat.ui.arena_studies import figure, results_panel, study_list, sure_to_delete
from chat.ui.crisis_card import Whereabouts
from chat.ui.rating_pages import sheets
from tests.unit.test_arena_results import ballot

pytestmark = pytest.mark.unit

EVIL = "<img src=x onerror=alert(1)>${1}"


def summary(**changes: object) -> StudySummary:
    study = Study(
        id=uuid4(),
        owner="olga",
        token="t" * 22,
        name=EVIL,
        kind=StudyKind.STUDY,
        a=Contestant(name=f"A {EVIL}", model="m", prompt_hash="h"),
        b=Contestant(name="B", model="n", prompt_hash="h"),
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
    )
    values = {"study": study, "items": 3, "ready": 2, "failed": 1, "raters": 1, "votes": 4}
    return StudySummary.model_validate({**values, **changes})


def test_names_and_reasons_are_text() -> None:
    one = summary()
    votes = [ballot(Choice.LEFT, why=EVIL), ballot(Choice.TIE, why=EVIL)]
    for shown in (
        study_list([one], one.study.id),
        results_panel(one, results(votes), votes, EVIL, "http://here"),
        sure_to_delete(one),
    ):
        assert "<img" not in shown
        assert "${" not in shown
    panel = results_panel(one, results(votes), votes, EVIL, "http://here")
    assert f"http://here/rate/{one.study.token}" in panel
    assert 'data-action="again"' in panel


def test_a_result_that_tells_nothing_says_so() -> None:
    one = summary()
    assert "No votes yet" in results_panel(one, results([]), [], "", "")
    ties = [ballot(Choice.TIE)]
    assert "No vote has named a winner" in results_panel(one, results(ties), ties, "", "")
    few = [ballot(Choice.LEFT, item=n) for n in range(3)]
    assert "do not tell the two apart" in results_panel(one, results(few), few, "", "")
    many = [ballot(Choice.LEFT, item=n) for n in range(30)]
    assert "More than chance" in results_panel(one, results(many), many, "", "")
    other = [ballot(Choice.RIGHT, Side.A, item=n) for n in range(30)]
    assert "<b>B</b> won 30 of 30" in results_panel(one, results(other), other, "", "")


def test_figures_of_nothing_are_dashes() -> None:
    assert figure(None, True) == "–"
    assert figure(0.7, True) == "70\N{NO-BREAK SPACE}%"
    assert figure(-0.25, False) == "−0.25"


def test_a_sheet_is_text_and_does_not_say_what_is_compared() -> None:
    one = summary().study
    sheet = Sheet(
        comparison_id=uuid4(), place=1, persona=EVIL, scenario=EVIL, message=EVIL, crisis=None,
        left=EVIL, right=EVIL,
    )  # fmt: skip
    page = sheets.sheet_page(one, sheet, Progress(joined=True, total=3), Whereabouts())
    assert "<img" not in page
    assert EVIL not in page
    assert "1 of 3" in page
    body = page.split("</head>")[1]
    assert one.a.name not in page
    assert "A &lt;" not in body
    assert len(sheets.READ) == body.count('name="answer"')
