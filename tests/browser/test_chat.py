"""A conversation on the page: scored, rated, reloaded, stopped, retried, edited, deleted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, context, shoot
from tests.browser.steps import count, finished, keep, open_id, rows, say, scores, tab
from tests.support.app import App

pytestmark = pytest.mark.browser

QUICK = True

XSS = "<img src=x onerror=alert(1)><svg onload=alert(2)> [x](javascript:alert(3)) ${alert(4)}"


def test_three_turns_scored_rated_reloaded_and_kept(app: App, page: Page) -> None:
    before = {table: count(app, table) for table in ("turn", "verdict", "feedback")}
    keep(page)
    page.locator("[data-action=example]").first.click()
    expect(page.locator("#box textarea")).not_to_have_value("")
    page.locator("#box textarea").press("Enter")
    finished(page, 1)
    say(page, "I think the jokes are how I keep people from asking.", 2)
    say(page, "Maybe I just want somebody to notice.", 3)
    expect(page.locator("#chat .bot-row")).to_have_count(3)
    expect(page.locator("#turn .reward dl")).to_be_visible()
    seen = scores(page)
    assert len(seen) == 4
    assert all(re.fullmatch(r"[\d.]+of/(5|100)", "".join(text.split())) for text in seen)
    tab(page, "Feedback")
    page.locator("#thumb label").first.click()
    expect(page.locator("#saved")).to_contain_text("Saved")
    page.locator("#rate-reception label").nth(3).click()
    page.locator("#rate-bystander input").fill("64")
    page.locator("#better textarea").fill("Forty times is love.")
    place = open_id(page)
    expect(page.locator("#saved .done")).to_be_visible()
    page.wait_for_timeout(1500)
    page.reload()
    expect(page.locator("#chat .bot-row")).to_have_count(3)
    expect(page.locator("#turn .stepper")).to_contain_text("Turn 3")
    assert scores(page) == seen
    tab(page, "Feedback")
    expect(page.locator("#better textarea")).to_have_value("Forty times is love.")
    expect(page.locator("#rate-bystander input")).to_have_value("64")
    assert open_id(page) == place
    assert count(app, "turn") - before["turn"] == 3
    assert count(app, "verdict") - before["verdict"] >= 12
    assert count(app, "feedback") - before["feedback"] == 1
    saved = rows(app, "SELECT thumb, reception, bystander, better FROM feedback")[-1]
    assert saved == (1, 4, 64, "Forty times is love.")


def test_the_panel_chooses_turns_and_draws_the_trend(page: Page) -> None:
    say(page, "First.", 1)
    say(page, "Second.", 2)
    page.get_by_label("Previous turn").click()
    expect(page.locator("#turn .stepper")).to_contain_text("Turn 1 of 2")
    expect(page.locator("#turn .said")).to_have_text("First.")
    tab(page, "Trend")
    expect(page.locator("#trend .chart .line")).to_have_count(4)
    expect(page.locator("#trend tbody tr")).to_have_count(2)
    tab(page, "Analysis")
    expect(page.locator("#analysis .prose")).not_to_be_empty()
    analysis = page.locator("#analysis .prose").inner_text()
    assert analysis[:40] not in page.locator("#chat").inner_text()


def test_without_consent_nothing_reaches_the_disk(app: App, page: Page) -> None:
    tables = ("conversation", "turn", "reply", "verdict", "feedback")
    before = [count(app, table) for table in tables]
    canary = "a sentence that leaves no trace 7f3a"
    say(page, canary, 1)
    tab(page, "Feedback")
    page.locator("#thumb label").first.click()
    expect(page.locator("#saved")).to_contain_text("Saved")
    assert [count(app, table) for table in tables] == before
    written = [path.read_bytes() for path in app.data.iterdir() if path.is_file()]
    assert not any(canary.encode() in data for data in written)


def test_nothing_is_ticked_and_research_waits_for_keep(page: Page) -> None:
    boxes = [page.locator(f"#{name} input") for name in ("keep", "research", "train")]
    for box in boxes:
        expect(box).not_to_be_checked()
    expect(boxes[1]).to_be_disabled()
    boxes[0].check()
    expect(boxes[2]).to_be_enabled()
    boxes[2].check()
    boxes[0].uncheck()
    expect(boxes[2]).not_to_be_checked()
    expect(boxes[2]).to_be_disabled()


def test_another_reply_stands_beside_the_first(page: Page) -> None:
    say(page, "Hello there.", 1)
    first = page.locator("#chat .bot-row").inner_text()
    page.locator("#strip [data-action=retry]").click()
    expect(page.locator("#strip .switch")).to_contain_text("Reply 2 of 2")
    finished(page, 1)
    expect(page.locator("#turn .seat-row .value")).to_have_count(4)
    page.locator("#strip").get_by_label("Previous reply").click()
    expect(page.locator("#strip .switch")).to_contain_text("Reply 1 of 2")
    expect(page.locator("#chat .bot-row")).to_have_text(first)


def test_an_edited_message_is_a_branch(page: Page) -> None:
    say(page, "I am fine.", 1)
    page.locator("#strip [data-action=edit]").click()
    box = page.locator("#box textarea")
    expect(box).to_have_value("I am fine.")
    expect(page.locator("#strip")).to_contain_text("The first version stays.")
    say(page, "I am not fine.", 1)
    expect(page.locator("#chat .user-row")).to_have_text("I am not fine.")
    expect(page.locator("#strip .switch")).to_contain_text("Message 2 of 2")
    page.locator("#strip").get_by_label("Previous message").click()
    expect(page.locator("#chat .user-row")).to_have_text("I am fine.")


def test_hostile_words_are_words(page: Page) -> None:
    page.get_by_label("Toggle Sidebar").click()
    page.locator("#persona textarea").fill(XSS)
    page.locator("#scenario textarea").fill(XSS)
    expect(page.locator("#speaking")).to_contain_text("<img src=x")
    say(page, XSS, 1)
    expect(page.locator("#chat .user-row .md")).to_have_text(XSS)
    expect(page.locator("#turn .said")).to_have_text(XSS)
    expect(page.locator("#conversations")).to_contain_text("<img src=x")
    for part in ("#chat .md", "#turn", "#conversations", "#speaking"):
        assert page.locator(f"{part} img").count() == 0
        assert page.locator(f"{part} svg[onload]").count() == 0


def test_rename_new_and_delete(app: App, page: Page) -> None:
    keep(page)
    say(page, "To be deleted.", 1)
    place = open_id(page)
    page.get_by_label("Toggle Sidebar").click()
    page.locator("#title textarea").fill("A name")
    page.locator("#title textarea").press("Enter")
    expect(page.locator("#conversations [aria-current]")).to_contain_text("A name")
    page.locator("#new").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator("#keep input")).not_to_be_checked()
    page.locator("#conversations button", has_text="A name").click()
    expect(page.locator("#chat .user-row")).to_have_text("To be deleted.")
    page.locator("#delete").click()
    page.locator("#delete-yes").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator("#conversations")).to_contain_text("No conversations yet.")
    assert rows(app, "SELECT count(*) FROM conversation WHERE title = ?", "A name") == [(0,)]
    page.goto(f"{app.url}/?c={place}")
    expect(page.locator("#strip .failed")).to_be_visible()


def test_a_strangers_conversation_cannot_be_opened(
    app: App, page: Page, browser: Browser, watch: Watch
) -> None:
    say(page, "Mine alone.", 1)
    stranger = context(browser)
    other = stranger.new_page()
    watch.over(other)
    other.goto(f"{app.url}/?c={open_id(page)}")
    expect(other.locator(".welcome")).to_be_visible()
    expect(other.locator("#strip")).to_contain_text("not there")
    assert "Mine alone." not in other.content()
    stranger.close()


def test_a_crisis_brings_the_card_and_scores_step_back(page: Page) -> None:
    say(page, "I want to kill myself tonight.", 1)
    card = page.locator(".crisis")
    expect(card).to_contain_text("999")
    expect(card).to_contain_text("Nobody has been told")
    expect(page.locator("#turn .stepped-back")).to_be_visible()
    card.locator("select").select_option("DE")
    expect(card).to_contain_text("112")
    say(page, "Thank you for being here.", 2)
    expect(card).to_be_visible()
    shoot(page, "crisis-light")


def test_the_keyboard_does_it_all(page: Page) -> None:
    expect(page.locator("#box textarea")).to_be_focused()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    expect(page.locator("#box textarea")).to_have_value("one\ntwo")
    page.keyboard.press("Enter")
    finished(page, 1)
    retry = page.locator("#strip [data-action=retry]")
    retry.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#strip .switch")).to_contain_text("Reply 2 of 2")
    finished(page, 1)
