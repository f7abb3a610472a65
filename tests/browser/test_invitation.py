"""Another person rates a conversation by its link; both ratings stand apart, and nothing leaks."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, context, shoot
from tests.browser.steps import keep, say, tab
from tests.support.app import App

pytestmark = pytest.mark.browser

QUICK = True


def rated(app: App) -> list[Any]:
    with sqlite3.connect(f"file:{app.database}?mode=ro", uri=True) as connection:
        return connection.execute(
            "SELECT turn.number, feedback.reception, feedback.bystander, feedback.thumb"
            " FROM feedback JOIN reply ON reply.id = feedback.reply_id"
            " JOIN turn ON turn.id = reply.turn_id"
            " WHERE feedback.rater <> (SELECT owner FROM conversation"
            "  WHERE conversation.id = turn.conversation_id) ORDER BY turn.number"
        ).fetchall()


def make_link(page: Page) -> str:
    tab(page, "Feedback")
    page.locator("#raters > button").click()
    page.locator("#raters-invite").click()
    return page.locator("#raters .link-box").input_value()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_second_person_rates_by_the_link(
    app: App, page: Page, browser: Browser, watch: Watch, theme: Literal["light", "dark"]
) -> None:
    keep(page)
    say(page, "I cannot sleep since she left.", 1)
    say(page, "<b>It is the quiet.</b>", 2)
    before = len(rated(app))
    link = make_link(page)
    width = 1440 if theme == "light" else 390
    visitor = context(
        browser,
        color_scheme=theme,
        viewport={"width": width, "height": 900 if width > 400 else 844},
    )
    other = visitor.new_page()
    watch.over(other)
    received: list[str] = []
    other.on("response", lambda answer: received.append(answer.text() if answer.ok else ""))
    other.goto(link)
    shoot(other, f"invited-{theme}")
    other.locator("input[name=agreed]").check()
    other.get_by_role("button", name="Begin").click()
    expect(other.locator(".progress")).to_have_text("Reply 1 of 2")
    expect(other.locator("fieldset")).to_have_count(3)  # no Analysis, so no resonation
    other.locator("label", has_text="Helpful").first.click()
    other.locator("input[name=reception][value='2']").check(force=True)
    other.locator("input[name=bystander]").fill("101")
    other.get_by_role("button", name="Save and go on").click()
    expect(other.get_by_role("alert")).to_contain_text("0 to 100")
    expect(other.locator("input[name=reception][value='2']")).to_be_checked()  # nothing is lost
    expect(other.locator("input[name=bystander]")).to_have_value("101")
    other.locator("input[name=bystander]").fill("40")
    shoot(other, f"rate-turn-{theme}")
    other.get_by_role("button", name="Save and go on").click()
    expect(other.locator(".said.seeker p")).to_have_text("<b>It is the quiet.</b>")
    other.locator("input[name=reception][value='4']").check(force=True)
    other.get_by_role("button", name="Save and end").click()
    expect(other.locator("h1")).to_have_text("Thank you")
    assert len(rated(app)) == before + 2
    assert {row[1:3] for row in rated(app)} >= {(2, 40), (4, None)}
    page.locator("#raters-invite").click()
    expect(page.locator("#raters-told")).to_contain_text("1 person has rated")
    assert any("I cannot sleep since she left." in body for body in received)
    assert not any("scripted" in body or "reward" in body.lower() for body in received)
    page.locator("#raters-close").click()
    expect(page.locator("#raters-told")).to_contain_text("closed")
    other.get_by_role("button", name="Take all of it back").click()
    expect(other.locator("h1")).to_have_text("It is taken back")
    assert len(rated(app)) == before
    visitor.close()


def test_what_is_not_kept_has_no_link(page: Page) -> None:
    say(page, "Leave no trace.", 1)
    tab(page, "Feedback")
    page.locator("#raters > button").click()
    page.locator("#raters-invite").click()
    expect(page.locator("#raters-told")).to_contain_text("not kept")


def test_a_link_that_leads_nowhere_says_so(app: App, page: Page) -> None:
    answer = page.request.get(f"{app.url}/rate/turns/{'x' * 32}")
    assert answer.status == 404
    assert "leads nowhere" in answer.text()
