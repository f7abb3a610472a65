"""History in the browser: another judge, all verdicts side by side, other rewards, addresses."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.steps import say
from tests.browser.test_history import CAT, SISTER

pytestmark = pytest.mark.browser

QUICK = True


@pytest.fixture
def opened(page: Page, app: object) -> Page:
    """A talk of two turns, the second opened in History."""
    say(page, CAT, 1)
    say(page, SISTER, 2)
    page.goto(page.url.split("?")[0] + "history")
    page.locator(".lines li").filter(has_text="sister").locator("a.said").click()
    expect(page.locator(".replied.opened")).to_be_visible()
    return page


def test_another_judge_judges_again_and_the_old_verdicts_stand_beside(opened: Page) -> None:
    page = opened
    reply = page.locator(".replied.opened")
    verdicts = reply.locator("summary", has_text="All verdicts")
    verdicts.click()
    before = reply.locator(".runs tbody tr").count()
    chooser = page.locator("#again-judge input")
    first = chooser.input_value()
    chooser.click()
    page.get_by_role("option").nth(1).click()
    expect(chooser).not_to_have_value(first)
    reply.get_by_role("button", name="Judge again, direct").click()
    expect(page.locator("#history-said")).to_contain_text("The old verdicts stay.")
    verdicts = page.locator(".replied.opened summary", has_text="All verdicts")
    verdicts.click()
    lines = page.locator(".replied.opened .runs tbody tr")
    expect(lines).to_have_count(before + 1)
    judges = {line.locator("th").inner_text() for line in lines.all()}
    assert len(judges) == 2, judges
    lines.last.scroll_into_view_if_needed()
    shoot(page, "history-judged-again")


def test_other_settings_show_the_whole_conversations_rewards(opened: Page) -> None:
    page = opened
    page.locator("#laboratory > button").click()
    page.locator("#lab-mode label", has_text="geometric").click()
    expect(page.locator("#lab-table tbody tr")).to_have_count(2)
    expect(page.locator("#lab-table code")).to_contain_text("^(1/3)")
    page.locator("#lab-published").click()
    expect(page.locator("#lab-length_limit input")).to_have_value("768")
    page.locator("#lab-ours").click()
    same = page.locator("#lab-table tbody tr td:nth-child(4)")
    expect(same).to_have_text(["0.00", "0.00"])
    shoot(page, "history-laboratory")


def test_an_address_of_a_turn_leads_to_it(opened: Page) -> None:
    page = opened
    page.set_viewport_size({"width": 1440, "height": 500})
    where = page.locator(".past").last.locator("h3 a").get_attribute("href")
    assert where is not None and "t=" in where
    page.goto(page.url.split("/history")[0] + where)
    turn = page.locator(".past.opened")
    expect(turn.locator("> h3")).to_contain_text("Turn 2")
    expect(turn.locator("> h3")).to_be_in_viewport()
    page.locator(".past").last.get_by_role("link", name="Address").last.click()
    page.wait_for_url("**r=*")
    expect(page.locator(".replied.opened h4")).to_be_in_viewport()
