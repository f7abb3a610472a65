"""From page to page: by mouse, by keyboard, on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from chat.ui.pages import PAGES
from tests.browser.conftest import Watch, context, shoot
from tests.browser.steps import finished, open_id, say, write
from tests.support.app import App

pytestmark = pytest.mark.browser

QUICK = True

OTHERS = PAGES[1:]


@pytest.fixture
def phone(app: App, browser: Browser, watch: Watch) -> Iterator[Page]:
    visitor = context(browser, viewport={"width": 390, "height": 844}, has_touch=True)
    page = visitor.new_page()
    watch.over(page)
    page.goto(app.url)
    page.locator(".chip.ready").wait_for()
    yield page
    visitor.close()


def test_every_page_is_reached_and_leads_back(page: Page) -> None:
    for there in OTHERS:
        page.locator(".pages .row").get_by_role("link", name=there.name, exact=True).click()
        page.wait_for_url(f"**/{there.path}")
        expect(page.locator("h2").first).to_have_text(there.name)
        expect(page).to_have_title(f"{there.name} · perm-chat")
        expect(page.locator('.pages .row [aria-current="page"]')).to_have_text(there.name)
        expect(page.locator(".nav-holder")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") == 1440
        shoot(page, f"page-{there.path}")
        page.locator(".pages .row").get_by_role("link", name="Chat", exact=True).click()
        page.locator(".welcome h2").wait_for()


def test_the_keyboard_alone_gets_there(page: Page) -> None:
    page.locator(".pages .row a").first.focus()
    page.keyboard.press("Tab")
    expect(page.locator(".pages .row a").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{OTHERS[0].path}")


def test_a_phone_finds_the_pages_behind_a_button(phone: Page) -> None:
    for there in OTHERS:
        expect(phone.locator(".pages .row")).to_be_hidden()
        menu = phone.locator(".pages summary")
        box = menu.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        menu.click()
        phone.locator(".pages .menu").get_by_role("link", name=there.name, exact=True).click()
        phone.wait_for_url(f"**/{there.path}")
        expect(menu).to_contain_text(there.name)
        phone.locator(".chip.ready").wait_for()  # the page is there, and draws nothing anew
        assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_a_conversation_is_found_again_after_another_page(page: Page) -> None:
    say(page, "I moved house and nobody has asked how I am.", 1)
    place = open_id(page)
    page.goto(page.url.split("?")[0] + OTHERS[0].path)
    expect(page.locator("h2").first).to_have_text(OTHERS[0].name)
    page.goto(page.url.split(OTHERS[0].path)[0] + f"?c={place}")
    finished(page, 1)
    expect(page.locator("#chat .bot-row")).to_have_count(1)


def test_a_turn_goes_on_while_another_page_is_looked_at(page: Page) -> None:
    write(page, "Tell me everything. " * 3)
    place = open_id(page)
    page.locator(".pages .row a").nth(1).click()
    expect(page.locator("h2").first).to_have_text(OTHERS[0].name)
    page.goto(page.url.split(OTHERS[0].path)[0] + f"?c={place}")
    finished(page, 1)
