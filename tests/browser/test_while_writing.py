"""What a person can do while a reply is being written: stop it, write on, leave and come back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import count, eventually, finished, keep, rows, write
from tests.support.app import App

pytestmark = pytest.mark.browser

LONG = "Tell me everything. " * 3


def test_one_button_sends_or_stops_and_what_came_is_kept(page: Page) -> None:
    send, stop = page.locator("#box .submit-button"), page.locator("#box .stop-button")
    expect(send).to_be_visible()
    expect(stop).to_be_hidden()
    write(page, LONG)
    expect(stop).to_be_visible()
    expect(send).to_be_hidden()
    page.locator("#chat .bot-row").wait_for()
    stop.click()
    expect(page.locator("#strip")).to_contain_text("You stopped this reply.")
    expect(send).to_be_visible()
    assert page.locator("#chat .bot-row").inner_text().strip()


def test_words_written_meanwhile_stay_in_the_box(page: Page) -> None:
    write(page, LONG)
    page.locator("#box .stop-button").wait_for()
    write(page, "And one more thing")
    expect(page.locator("#box textarea")).to_have_value("And one more thing")
    expect(page.locator("#chat .user-row")).to_have_count(1)


def test_a_turn_that_runs_is_joined_after_a_reload(page: Page) -> None:
    write(page, LONG)
    page.locator("#chat .bot-row").wait_for()
    page.reload()
    finished(page, 1)
    expect(page.locator("#chat .user-row")).to_have_count(1)
    expect(page.locator("#turn .seat-row .value")).to_have_count(4)


def test_scores_so_far_are_hollow_and_give_way_to_the_final_ones(app: App, page: Page) -> None:
    keep(page)
    before = count(app, "verdict")
    write(page, "I worked a double shift and my mother called me selfish.")
    row = page.locator("#turn .seat-row.reception")
    expect(row).to_have_class(re.compile("so-far"))
    expect(row.locator(".value")).to_contain_text("so far")
    expect(row.get_by_role("meter")).to_have_count(0)
    assert page.locator("#spoken").inner_text().strip() == ""
    finished(page, 1)
    expect(page.locator("#turn .so-far")).to_have_count(0)
    expect(row.get_by_role("meter")).to_be_visible()
    eventually(lambda: count(app, "verdict") - before == 8, "four scores and their reasons")
    methods = rows(app, "SELECT perspective, method FROM verdict LIMIT -1 OFFSET ?", before)
    assert len(set(methods)) == len(methods), "each once"
