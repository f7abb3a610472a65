"""Collecting on the page: candidates and a pick; ten blind votes and their result; a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.conftest import Watch, context, shoot
from tests.browser.steps import finished, keep, rows, write
from tests.support.app import App

pytestmark = pytest.mark.browser

QUICK = True

VOTES = 10
BEFORE_THE_VOTE = ("scripted", "reward", "resonation", "# analysis", "warm against plain", "prompt")


def test_candidates_are_made_and_one_is_picked(app: App, page: Page) -> None:
    keep(page)
    page.locator("#strip select").select_option("3")
    expect(page.locator("#strip select")).to_have_value("3")
    write(page, "I told my parents I was fine, and I am not.")
    finished(page, 1)
    shown = page.locator("#strip .candidates li")
    expect(shown).to_have_count(3)
    expect(page.locator("#strip .candidates li header b")).to_contain_text(["Reply 1"])
    expect(shown.nth(2)).to_contain_text(re.compile(r"reward 0\.\d\d"))
    assert len({text.split("\n", 1)[-1] for text in shown.all_inner_texts()}) == 3
    shoot(page, "candidates-light")
    wanted = shown.nth(2).locator(".prose").inner_text()
    shown.nth(2).locator("[data-action=pick]").click()
    summary = page.locator("#strip .candidates summary")
    expect(summary).to_contain_text("Reply 3 of 3, picked by you")
    expect(page.locator("#chat .bot-row")).to_contain_text(wanted[:40])
    summary.click()
    page.locator("[data-action=pick-highest]").click()
    expect(summary).to_contain_text("picked by its reward")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, "candidates-phone-dark")
    picked = rows(app, "SELECT picked_by FROM pick")
    assert picked[-1] == ("reward",)


@pytest.fixture
def study(app: App, page: Page) -> str:
    """A study over the examples that ship, made on the page; gives its link."""
    page.goto(f"{app.url}/arena")
    page.get_by_text("Compare two").click()
    page.locator("#arena-name input, #arena-name textarea").first.fill("Warm against plain")
    page.locator("#arena-examples").click()
    expect(page.locator("#arena-lines textarea")).not_to_have_value("")
    page.locator("#arena-create").click()
    link = page.locator("#arena-results .hand-out code")
    expect(link).to_contain_text("/rate/")
    return link.inner_text()


@pytest.fixture
def rater(browser: Browser, watch: Watch) -> Iterator[Page]:
    visitor = context(browser)
    opened = visitor.new_page()
    watch.over(opened)
    yield opened
    visitor.close()


def begin(rater: Page, link: str) -> None:
    rater.goto(link)
    rater.locator("[name=keep]").check()
    rater.get_by_role("button", name="Begin").click()
    rater.locator("form.vote").wait_for()


def test_ten_votes_from_a_link_alone_and_their_result(study: str, rater: Page, page: Page) -> None:
    got: list[str] = []

    def note(answer: Response) -> None:
        if answer.status < 300:
            got.append(answer.text().lower() + str(answer.headers).lower())

    rater.on("response", note)
    begin(rater, study)
    shoot(rater, "arena-vote-light")
    rater.emulate_media(color_scheme="dark")
    shoot(rater, "arena-vote-dark")
    rater.reload()
    for number in range(VOTES):
        rater.locator("form.vote").wait_for()  # while it is written the page looks by itself
        expect(rater.locator(".how-far p")).to_have_text(f"{number + 1} of {VOTES}")
        if number == 0:
            rater.locator(".why input").fill("It stays with her.")
            rater.locator("form.vote button[value=left-clear]").click()
        else:
            rater.keyboard.press(str(1 + number % 6))
        rater.wait_for_load_state()
    expect(rater.locator("h1")).to_have_text("Thank you")
    said = "\n".join(got)
    assert [word for word in BEFORE_THE_VOTE if word in said] == []
    assert len(got) > VOTES

    page.reload()
    figures = page.locator("#arena-results .figures")
    expect(figures).to_contain_text("Left wins")
    expect(page.locator("#arena-results header p")).to_contain_text(f"{VOTES} votes")
    expect(page.locator("#arena-results .headline")).to_contain_text("decided votes")
    expect(page.locator("#arena-results")).to_contain_text("Votes by rater: rater 1: 10")
    page.get_by_text("Words why").click()
    expect(page.locator("#arena-results details")).to_contain_text("It stays with her.")
    shoot(page, "arena-results-light")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, "arena-results-phone-dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_on_a_phone_voting_opens_after_both_replies_were_opened(study: str, rater: Page) -> None:
    rater.set_viewport_size({"width": 390, "height": 844})
    begin(rater, study)
    choose = rater.locator("form.vote button[value=tie]")
    expect(rater.locator("#left")).to_be_visible()
    expect(rater.locator("#right")).to_be_hidden()
    expect(choose).to_be_disabled()
    shoot(rater, "arena-phone-left")
    rater.get_by_role("tab", name="Right").click()
    expect(rater.locator("#right")).to_be_visible()
    expect(choose).to_be_enabled()
    shoot(rater, "arena-phone-right")
    small = rater.evaluate(
        """() => [...document.querySelectorAll('button:not([hidden]), [role=tab]')]
            .map((e) => e.getBoundingClientRect())
            .filter((r) => r.width > 0 && r.height < 43.5).length"""
    )
    assert small == 0
    assert rater.evaluate("document.documentElement.scrollWidth") == 390
    choose.click()
    expect(rater.locator(".how-far p")).to_have_text(f"2 of {VOTES}")
