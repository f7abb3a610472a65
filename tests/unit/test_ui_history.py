"""History: addresses that say what is asked, lines, an opened conversation. All escaped."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest

from chat.store.found import Choices, Filters, Found, FoundPage, Place, Thumb
from chat.store.records import Consents, Conversation, ReplyStatus
from chat.ui.history_detail import about, beside, conversation, talks_beside
from chat.ui.history_list import results, search_form
from chat.ui.history_query import Asked, address, asked, mark
from perm.types import Perspective
from tests.support.fake_session import four, reply, turn

pytestmark = pytest.mark.unit

XSS = '"><img src=x onerror=alert(1)>${f()}`'
NOW = datetime(2026, 1, 5, 14, 2, tzinfo=UTC)
WANTED = Filters(
    text="a cat & more",
    since=datetime(2026, 1, 1, tzinfo=UTC),
    until=datetime(2026, 1, 9, tzinfo=UTC),
    model="m/1",
    judge="j",
    perspective=Perspective.RECEPTION,
    low=2.5,
    high=0.0,
    reward_low=-1.0,
    thumb=Thumb.NONE,
    tag="grief",
    unscored=True,
)


def params(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query))


def test_an_address_asks_for_what_it_was_made_of() -> None:
    place = Place(created_at=NOW, reply_id=uuid4())
    held = uuid4()
    link = address(WANTED, hold=held, after=mark(place))
    assert asked(params(link)) == Asked(filters=WANTED, held=held, after=place)
    assert address() == "/history"
    one, other = uuid4(), uuid4()
    assert asked(params(address(r=one, with_=other))) == Asked(reply=one, other=other)


@pytest.mark.parametrize(
    "name",
    ["since", "until", "perspective", "low", "high", "thumb", "after", "r", "c", "with", "hold"],
)
@pytest.mark.parametrize("value", ["x", "9" * 40, "nan", "2026-13-45", XSS, "2026-01-01~x"])
def test_what_cannot_be_read_is_not_asked(name: str, value: str) -> None:
    assert asked({name: value}) == Asked()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("until", "9999-12-31"),
        ("until", "0001-01-01"),
        ("since", "9999-12-31"),
        ("after", "0001-01-01T00:00:00+14:00~7b4d5a4e-5d0c-4b3a-9a3e-111111111111"),
        ("after", "9999-12-31T23:59:59-14:00~7b4d5a4e-5d0c-4b3a-9a3e-111111111111"),
    ],
)
def test_a_date_at_the_edge_of_all_dates_is_not_asked(name: str, value: str) -> None:
    """A day more, or another zone, would be none that Python knows."""
    assert asked({name: value}) == Asked()


def found(**more: object) -> Found:
    values: dict[str, object] = {
        "reply_id": uuid4(), "turn_id": uuid4(), "conversation_id": uuid4(), "number": 2,
        "title": XSS, "message": f"The cats {XSS}", "response": XSS, "model": XSS, "judge": XSS,
        "status": ReplyStatus.COMPLETE, "created_at": NOW, "resonation": 4.2, "expression": None,
        "reception": 1.0, "bystander": 78.4, "reward": None, "thumb": -1,
    }  # fmt: skip
    return Found.model_validate(values | more)


def test_a_line_shows_values_dashes_and_the_words_that_were_looked_for() -> None:
    row = found()
    html = results(FoundPage(rows=(row,)), Filters(text="cat"), None, first=True)
    assert f'href="/history?r={row.reply_id}"' in html
    assert "<mark>cats</mark>" in html
    assert re.findall(r"</span>(4\.2|–|1\.0|78)</span>", html) == ["4.2", "–", "1.0", "78"]
    assert "5 January 2026, 14:02 UTC" in html
    assert "<img" not in html
    assert "Older" not in html
    older = results(FoundPage(rows=(row,), after=row.place), Filters(text="cat"), None, first=True)
    assert "text=cat&amp;after=" in older


def test_one_reply_waits_for_another_to_be_compared_with() -> None:
    one, other = found(), found()
    html = results(FoundPage(rows=(one, other)), Filters(), one.reply_id, first=True)
    assert html.count("Compare with this") == 1
    assert f"/history?r={one.reply_id}&amp;with={other.reply_id}" in html


def test_nothing_yet_is_not_nothing_fits() -> None:
    assert "Nothing here yet" in results(FoundPage(), Filters(), None, first=True)
    assert "Nothing fits" in results(FoundPage(), Filters(text="x"), None, first=True)


def test_the_form_holds_what_was_asked_and_folds_when_nothing_was() -> None:
    choices = Choices(models=("m/1", XSS), judges=("j",), tags=("grief",))
    html = search_form(WANTED, choices, None)
    assert html.count(" selected>") == 5
    assert 'name="until" value="2026-01-08"' in html
    assert 'name="high" value="0"' in html
    assert "<details open>" in html
    assert "<img" not in html
    assert "<details>" in search_form(Filters(text="cat"), choices, None)


def place(**more: object) -> Conversation:
    values: dict[str, object] = {
        "id": uuid4(), "owner": "o", "title": XSS, "persona": XSS, "scenario": XSS,
        "consents": Consents(keep=True), "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Conversation.model_validate(values | more)


def test_an_opened_conversation_shows_everything_and_executes_nothing() -> None:
    one = turn(verdicts=four())
    first = one.replies[0].model_copy(
        update={"analysis": XSS, "raw": XSS, "request": ({"role": "user", "content": XSS},)}
    )
    second = reply(one.id, response=XSS).model_copy(update={"number": 2, "chosen": False})
    one = one.model_copy(update={"message": XSS, "replies": (first, second)})
    html = about(place()) + conversation([one], second.id)
    assert "<img" not in html
    assert "${" not in html
    assert html.count('class="verdict counts"') == 4
    assert html.count("Prompt as sent") >= 1
    assert "Raw output" in html
    assert "not chosen" in html
    assert html.count('data-action="go-on"') == 2
    assert f'class="replied opened" id="reply-{second.id}"' in html
    assert f"/history?r={first.id}&amp;with={second.id}" in html
    assert html.count('data-action="delete"') == 1


def test_two_of_them_stand_side_by_side() -> None:
    one, other = turn(verdicts=four()), turn(verdicts=four())
    here, there = place(title="here"), place(title="there")
    html = beside([(here, one, one.replies[0]), (there, other, other.replies[0])])
    assert html.count('class="replied"') == 2
    assert f"/history?c={here.id}&amp;with={there.id}" in html
    both = talks_beside([(here, [one]), (there, [other])])
    assert both.count('class="past"') == 2
