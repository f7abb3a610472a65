"""Raters: the judge hidden until they have rated, and ratings from the keyboard alone."""

from __future__ import annotations

import sqlite3

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.steps import finished, keep, say, tab, write
from tests.support.app import App

pytestmark = pytest.mark.browser

QUICK = True

KEYS = {"resonation": "R", "expression": "E", "reception": "C"}


def last_rating(app: App) -> tuple[object, ...]:
    with sqlite3.connect(f"file:{app.database}?mode=ro", uri=True) as connection:
        return tuple(
            connection.execute(
                "SELECT thumb, resonation, expression, reception, bystander FROM feedback"
                " ORDER BY saved_at DESC LIMIT 1"
            ).fetchone()
        )


def test_the_judge_is_hidden_until_rated(page: Page) -> None:
    tab(page, "Feedback")
    page.locator("#veil input").check()
    tab(page, "Turn")
    say(page, "I cannot sleep since she left.", 1)
    expect(page.locator("#turn .veil")).to_be_visible()
    expect(page.locator("#turn [role=meter]")).to_have_count(0)
    expect(page.locator(".summary")).to_contain_text("hidden until you rate")
    shoot(page, "veil-light")
    page.reload()
    expect(page.locator("#turn .veil")).to_be_visible()
    assert 'role="meter"' not in page.content()
    tab(page, "Feedback")
    expect(page.locator("#veil input")).to_be_checked()
    page.locator("#rate-reception label").nth(2).click()
    tab(page, "Turn")
    expect(page.locator("#turn [role=meter]")).to_have_count(4)
    write(page, "And it is so quiet.")
    finished(page, 2)
    expect(page.locator("#turn .veil")).to_be_visible()
    tab(page, "Feedback")
    page.locator("#veil input").uncheck()
    tab(page, "Turn")
    expect(page.locator("#turn [role=meter]")).to_have_count(4)


def test_everything_is_rated_from_the_keyboard(app: App, page: Page) -> None:
    keep(page)
    say(page, "I cannot sleep since she left.", 1)
    page.keyboard.press("Alt+Shift+U")
    expect(page.locator("#saved")).to_contain_text("Saved")
    for name, digit in (("resonation", "4"), ("expression", "2"), ("reception", "5")):
        page.keyboard.press(f"Alt+Shift+{KEYS[name]}")
        held = f"document.activeElement.closest('#rate-{name}') !== null"
        page.wait_for_function(held)
        page.keyboard.press(digit)
    page.keyboard.press("Alt+Shift+B")
    page.wait_for_function("document.activeElement.closest('#rate-bystander') !== null")
    page.keyboard.type("71")
    page.keyboard.press("Alt+Shift+W")
    expect(page.locator("#box textarea")).to_be_focused()
    for name, place in (("resonation", 3), ("expression", 1), ("reception", 4)):
        expect(page.locator(f"#rate-{name} input").nth(place)).to_be_checked()
    page.wait_for_timeout(1500)
    assert last_rating(app) == (1, 4, 2, 5, 71)
