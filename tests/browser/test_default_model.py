"""What people get with `make run`: the page, the real 1.5B model as supporter and judge, SQLite."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from chat.settings import Settings
from tests.browser.conftest import Watch, context, shoot
from tests.browser.steps import keep, open_id, scores, tab, write
from tests.support.app import App, running_app
from tests.support.models import default_model

pytestmark = [
    pytest.mark.browser,
    pytest.mark.default_model,
    pytest.mark.timeout(1500),
]

A_TURN = 300_000
"""Milliseconds that a turn with all its scores may take on a busy machine of two cores."""

MESSAGES = (
    "I make jokes so that people stop asking. It works, they stop.",
    "Maybe I just want somebody to notice.",
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    default_model()
    home = tmp_path_factory.mktemp("default")
    models = str(Settings().models_dir)
    with running_app(home, "--engine", "llama-cpp", "--models-dir", models) as running:
        yield running


def rows(app: App, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"file:{app.database}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def test_three_turns_with_the_real_model(app: App, browser: Browser, watch: Watch) -> None:
    visitor = context(browser)
    page = visitor.new_page()
    watch.over(page)
    page.goto(app.url)
    page.locator(".welcome h2").wait_for()
    keep(page)
    page.locator("[data-action=example]").first.click()
    expect(page.locator("#box textarea")).not_to_have_value("")
    page.locator("#box textarea").press("Enter")  # perhaps while the model is still loading
    for turn in (1, 2, 3):
        spoken = page.locator("#spoken")
        expect(spoken).to_contain_text(f"Turn {turn} is complete.", timeout=A_TURN)
        expect(page.locator("#turn .stepper")).to_contain_text(f"Turn {turn}")
        expect(page.locator("#turn .reward dl")).to_be_visible()
        seen = scores(page)
        assert len(seen) == 4
        assert all(re.fullmatch(r"[\d.]+of/(5|100)", "".join(text.split())) for text in seen)
        if turn <= len(MESSAGES):
            write(page, MESSAGES[turn - 1])
    shoot(page, "default-model-light")

    tab(page, "Feedback")
    page.locator("#thumb label").first.click()
    expect(page.locator("#saved")).to_contain_text("Saved")
    place = open_id(page)
    page.reload()
    expect(page.locator("#chat .bot-row")).to_have_count(3)
    assert scores(page) == seen
    assert open_id(page) == place
    page.emulate_media(color_scheme="dark")
    shoot(page, "default-model-dark")
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, "default-model-phone")
    visitor.close()

    judged = rows(
        app,
        "SELECT turn.number, count(DISTINCT verdict.perspective) FROM turn "
        "JOIN reply ON reply.turn_id = turn.id JOIN verdict ON verdict.reply_id = reply.id "
        "WHERE verdict.status = 'scored' GROUP BY turn.number ORDER BY turn.number",
    )
    assert judged == [(1, 4), (2, 4), (3, 4)]
    assert rows(app, "SELECT count(*) FROM reward") == [(3,)]
    assert rows(app, "SELECT thumb FROM feedback") == [(1,)]
    models = {str(name) for (name,) in rows(app, "SELECT DISTINCT model FROM reply")}
    assert all("1.5b" in name for name in models)


def test_the_app_without_its_model_is_small(app: App) -> None:
    status = Path(f"/proc/{app.pid}/status").read_text()
    peak_kib = int(re.search(r"VmHWM:\s+(\d+)", status).group(1))  # type: ignore[union-attr]
    assert peak_kib < 400 * 1024
