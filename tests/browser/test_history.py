"""History in the browser: find, open, compare, judge again, tag, go on, delete."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.steps import open_id, say

pytestmark = pytest.mark.browser

QUICK = True

CAT = "The cat is gone <img src=x onerror=alert(1)> and the house is quiet."
SISTER = "My sister has not rung for three weeks."


@pytest.fixture
def history(page: Page, app: object) -> Page:
    """A talk of two turns, and History opened."""
    say(page, CAT, 1)
    say(page, SISTER, 2)
    open_id(page)
    page.locator(".pages .row").get_by_role("link", name="History").click()
    expect(page.locator(".lines li")).to_have_count(2)
    return page


def look_for(page: Page, words: str) -> None:
    page.locator(".look input[type=search]").fill(words)
    page.locator(".look input[type=search]").press("Enter")


def test_a_turn_is_found_by_its_words_and_by_its_score(history: Page) -> None:
    page = history
    look_for(page, "cat quiet")
    expect(page.locator(".lines li")).to_have_count(1)
    expect(page.locator(".lines mark").first).to_have_text("cat")
    look_for(page, "elephant")
    expect(page.locator(".nothing h3")).to_have_text("Nothing fits")
    page.locator(".nothing a").click()
    expect(page.locator(".lines li")).to_have_count(2)
    scores = page.locator(".lines li:first-child .one").all_inner_texts()
    value = float(scores[0].split()[-1])
    page.locator(".look summary").click()
    page.get_by_label("Score of").select_option("resonation")
    page.locator("[name=low]").fill(str(value - 0.06))
    page.locator("[name=high]").fill(str(value + 0.06))
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**perspective=resonation**")
    expect(page.locator(".lines li b").first).to_be_visible()
    shoot(page, "history-filtered")
    page.reload()
    expect(page.locator(".look details")).to_have_attribute("open", "")
    for line in page.locator(".lines li").all():
        assert abs(float(line.locator(".one").first.inner_text().split()[-1]) - value) < 0.2


def test_a_conversation_is_opened_judged_again_and_tagged(history: Page) -> None:
    page = history
    look_for(page, "cat")
    page.locator(".lines a.said").click()
    opened = page.locator(".replied.opened")
    verdicts = opened.locator("summary", has_text="All verdicts")
    before = verdicts.inner_text()
    opened.get_by_role("button", name="Judge again, reasoned").click()
    expect(page.locator("#history-said")).to_contain_text("The old verdicts stay.")
    expect(verdicts).not_to_have_text(before)
    tags = page.locator("#tags :is(input, textarea)")
    tags.fill("grief, pets")
    tags.blur()
    expect(page.locator("#remarks-saved")).to_contain_text("Saved.")
    page.reload()
    expect(tags).to_have_value("grief, pets")
    shoot(page, "history-opened")
    page.locator(".back a").first.click()
    look_for(page, "pets")
    expect(page.locator(".lines li")).to_have_count(2)


def test_two_replies_are_compared(history: Page) -> None:
    page = history
    page.locator(".lines li").first.get_by_role("link", name="Compare").click()
    page.get_by_role("link", name="Compare with this").click()
    expect(page.locator(".two .replied")).to_have_count(2)
    expect(page.locator('.two [role="meter"]')).to_have_count(8)
    shoot(page, "history-compared")


def test_an_old_turn_is_gone_on_from_and_the_later_one_stays(history: Page) -> None:
    page = history
    look_for(page, "cat")
    page.locator(".lines a.said").click()
    page.locator(".replied.opened").get_by_role("button", name="Go on from here").click()
    page.wait_for_url("**/?c=*")
    expect(page.locator("#chat .bot-row")).to_have_count(1)
    say(page, "Perhaps it is only asleep somewhere.", 2)
    page.goto(page.url.split("?")[0] + "history")
    expect(page.locator(".lines li")).to_have_count(3)


def test_a_conversation_is_deleted_after_a_question(history: Page) -> None:
    page = history
    page.locator(".lines a.said").first.click()
    page.locator(".sure summary").click()
    page.locator(".sure [data-action=delete]").click()
    page.wait_for_url("**/history")
    expect(page.locator(".nothing h3")).to_have_text("Nothing here yet")


def test_what_is_another_persons_is_not_there(history: Page) -> None:
    page = history
    page.goto(page.url.split("?")[0] + "?r=6b6ff1d8-39a5-43c4-a2a6-63a0fb8e2b0c")
    expect(page.locator(".trouble")).to_be_visible()
