"""The reward laboratory: other settings show other rewards at once, and nothing is saved."""

from __future__ import annotations

import sqlite3

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.steps import keep, say
from tests.support.app import App

pytestmark = pytest.mark.browser

QUICK = True


def saved_rewards(app: App) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"file:{app.database}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT reply_id, total, settings FROM reward").fetchall()


def tried(page: Page) -> list[str]:
    return page.locator("#lab-table tbody tr td:nth-child(3)").all_inner_texts()


def test_the_rewards_mode_is_changed_and_nothing_else(app: App, page: Page) -> None:
    keep(page)
    say(page, "I cannot sleep since she left.", 1)
    say(page, "It is the quiet.", 2)
    before = saved_rewards(app)
    page.locator("#laboratory > button").click()
    expect(page.locator("#lab-table table")).to_have_count(0)
    page.locator("#lab-mode label", has_text="geometric").click()
    expect(page.locator("#lab-table code")).to_contain_text("^(1/3)")
    page.locator("#lab-bystander_coefficient input").fill("1")
    expect(page.locator("#lab-table code")).to_contain_text("+ 1 (")
    assert len(tried(page)) == 2
    page.locator("#lab-resonation_weight input").fill("0")
    page.locator("#lab-expression_weight input").fill("0")
    page.locator("#lab-reception_weight input").fill("0")
    expect(page.locator("#lab-table")).to_contain_text("at least one of the three weights")
    page.locator("#lab-published").click()
    expect(page.locator("#lab-length_limit input")).to_have_value("768")
    expect(page.locator("#lab-table code")).to_contain_text("0.001 ×")
    page.locator("#lab-ours").click()
    same = page.locator("#lab-table tbody tr td:nth-child(4)")
    expect(same).to_have_text(["0.00", "0.00"])
    page.locator("#lab-table").scroll_into_view_if_needed()
    shoot(page, "laboratory-light")
    assert set(saved_rewards(app)) >= set(before)  # another test may still have added its own
