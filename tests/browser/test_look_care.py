"""What is seldom seen, looked at: an offered break, and a judge that attacks were tried on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, context, shoot
from tests.browser.steps import say
from tests.support.app import ROOT, App, running_app

pytestmark = [pytest.mark.browser, pytest.mark.looks]

Theme = Literal["light", "dark"]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A break after two turns, and attacks on its judge that were tried before it came up."""
    home = tmp_path_factory.mktemp("care")
    tried = ("--engine", "scripted", "--scripted-pace", "0", "--data-dir", str(home / "data"))
    command = (sys.executable, "-m", "chat.cli", "selfcheck", *tried, "--attacks")
    subprocess.run([*command, "--situations", "1"], cwd=ROOT, check=True, capture_output=True)
    with running_app(home, "--scripted-pace", "0.005", "--break-after-turns", "2") as running:
        yield running


def visited(app: App, browser: Browser, watch: Watch, path: str, **options: Any) -> Page:
    page = context(browser, **options).new_page()
    watch.over(page)
    page.goto(app.url + path)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_break_is_offered_in_one_line(
    app: App, browser: Browser, watch: Watch, theme: Theme
) -> None:
    for place, options in (("desk", {}), ("phone", PHONE)):
        page = visited(app, browser, watch, "/", color_scheme=theme, **options)
        page.locator(".chip.ready").wait_for()
        for number in (1, 2):
            say(page, "My sister has not called since the funeral.", number)
        line = page.locator(".strip .rest")
        expect(line).to_be_visible()
        shoot(page, f"break-{place}-{theme}")
        page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_attacks_did_is_told_on_insights(
    app: App, browser: Browser, watch: Watch, theme: Theme
) -> None:
    for place, options in (("desk", {}), ("phone", PHONE)):
        page = visited(app, browser, watch, "/insights", color_scheme=theme, **options)
        section = page.locator("#insight-attacks")
        expect(section).to_contain_text("attacks on")
        section.scroll_into_view_if_needed()
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
        shoot(page, f"attacks-{place}-{theme}")
        page.context.close()
