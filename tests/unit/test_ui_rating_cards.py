"""The card on the pages of raters: in the language of whatever was checked and raised it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chat import safety
from chat.safety import CrisisKind
from chat.store.invitation_records import Invited, ToRate
from chat.store.study_records import Contestant, Progress, Sheet, Study, StudyKind
from chat.ui.crisis_card import Whereabouts
from chat.ui.rating_pages import sheets, turn_sheets

pytestmark = pytest.mark.unit

GERMAN = "Ich will mich umbringen."
TITLE = safety.care_texts().card("de").title
PLACES = ("persona", "scenario", "message")


@pytest.mark.parametrize("place", [*PLACES, "left", "right"])
def test_a_comparison_shows_it_in_the_language_of_what_raised_it(place: str) -> None:
    texts = {**dict.fromkeys((*PLACES, "left", "right"), "Hm."), place: GERMAN}
    sheet = Sheet(comparison_id=uuid4(), place=1, crisis=CrisisKind.SUICIDE.value, **texts)
    side = Contestant(name="A", model="m", prompt_hash="h")
    study = Study(
        id=uuid4(), owner="o", token="t" * 22, name="n", kind=StudyKind.STUDY,
        a=side, b=side, created_at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip
    progress = Progress(joined=True, total=3)
    assert TITLE in sheets.sheet_page(study, sheet, progress, Whereabouts())


@pytest.mark.parametrize("place", [*PLACES, "response"])
def test_a_turn_shows_it_in_the_language_of_what_raised_it(place: str) -> None:
    texts = {**dict.fromkeys((*PLACES, "response"), "Hm."), place: GERMAN}
    one = ToRate(
        reply_id=uuid4(), number=1, message=texts["message"], response=texts["response"],
        crisis=CrisisKind.SUICIDE.value,
    )  # fmt: skip
    found = Invited(
        persona=texts["persona"], scenario=texts["scenario"], with_analysis=False,
        closed=False, turns=(one,),
    )  # fmt: skip
    assert TITLE in turn_sheets.turn_page("t" * 22, found, 1, Whereabouts())


def test_what_the_first_turn_told_does_not_speak_for_a_later_one() -> None:
    one = ToRate(
        reply_id=uuid4(), number=2, message="I want to kill myself.", response="Hm.",
        crisis=CrisisKind.SUICIDE.value,
    )  # fmt: skip
    found = Invited(persona="", scenario=GERMAN, with_analysis=False, closed=False, turns=(one,))
    page = turn_sheets.turn_page("t" * 22, found, 1, Whereabouts())
    assert safety.care_texts().card("en").title in page
    assert TITLE not in page
