"""The page at the sizes and in the themes it is made for; screenshots lie in test-artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, context, shoot
from tests.browser.steps import finished, say, tab, write
from tests.support.app import App

pytestmark = [pytest.mark.browser, pytest.mark.looks]

Theme = Literal["light", "dark"]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture
def visit(app: App, browser: Browser, watch: Watch) -> Iterator[Any]:
    visitors = []

    def opened(**options: Any) -> Page:
        visitors.append(context(browser, **options))
        page = visitors[-1].new_page()
        watch.over(page)
        page.goto(app.url)
        page.locator(".welcome h2").wait_for()
        page.locator(".chip.ready").wait_for()
        return page

    yield opened
    for visitor in visitors:
        visitor.close()


def brightness(page: Page, selector: str) -> float:
    """Of an element's background, 0 to 255."""
    colour = page.locator(selector).evaluate("e => getComputedStyle(e).backgroundColor")
    return sum(float(part) for part in colour.split("(")[1].rstrip(")").split(",")[:3]) / 3


def too_small(page: Page, scope: str) -> list[str]:
    """Buttons and tabs in view that are lower or narrower than a thumb needs."""
    found: list[str] = page.evaluate(
        """(scope) => [...document.querySelectorAll(scope)]
            .map((e) => [e, e.getBoundingClientRect()])
            .filter(([e, r]) => r.width > 0 && r.height > 0)
            .filter(([e, r]) => r.height < 43.5 || r.width < 43.5)
            .map(([e, r]) => `${e.className} ${e.innerText} ${r.width} x ${r.height}`)""",
        scope,
    )
    return found


def widest(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_desk(visit: Any, theme: Theme) -> None:
    page = visit(color_scheme=theme)
    assert (brightness(page, "#panel") > 127) is (theme == "light")
    shoot(page, f"empty-{theme}")
    page.locator("[data-action=example]").first.click()
    expect(page.locator("#box textarea")).not_to_have_value("")
    page.locator("#box textarea").press("Enter")
    page.locator("#chat .bot-row").wait_for()
    shoot(page, f"busy-{theme}")
    finished(page, 1)
    say(page, "I think the jokes are how I keep people from asking.", 2)
    shoot(page, f"complete-{theme}")
    for name in ("Trend", "Analysis", "Feedback"):
        tab(page, name)
        shoot(page, f"{name.lower()}-{theme}")
    panel, box = page.locator("#panel").bounding_box(), page.locator("#box").bounding_box()
    assert panel is not None
    assert box is not None
    assert panel["width"] == pytest.approx(540, abs=1)
    assert 820 < box["y"] + box["height"] <= 900
    assert widest(page) == 1440
    page.get_by_label("Toggle Sidebar").click()
    chip, panel = page.locator(".chip").bounding_box(), page.locator("#panel").bounding_box()
    assert chip and panel
    assert chip["x"] + chip["width"] <= panel["x"], "the masthead runs under the panel"
    shoot(page, f"sidebar-{theme}")
    pushed = page.locator("#page").bounding_box()
    assert pushed is not None
    assert (pushed["x"], pushed["width"]) == (300, 1140)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone(visit: Any, theme: Theme) -> None:
    page = visit(color_scheme=theme, **PHONE)
    shoot(page, f"phone-empty-{theme}")
    say(page, "I found a voicemail from my mum about a casserole dish.", 1)
    line = page.locator(".summary button")
    expect(line).to_contain_text("Turn 1")
    expect(page.locator("#panel")).to_be_hidden()
    shoot(page, f"phone-complete-{theme}")
    assert too_small(page, "#middle button") == []
    line.click()
    expect(page.locator("#panel")).to_be_visible()
    expect(page.locator("#back button")).to_be_focused()
    for name in ("Turn", "Trend", "Analysis", "Feedback"):
        tab(page, name)
        shoot(page, f"phone-{name.lower()}-{theme}")
        assert widest(page) == 390
        assert too_small(page, "#panel button, #panel fieldset label") == []
    page.locator("#back button").click()
    expect(page.locator("#panel")).to_be_hidden()
    box = page.locator("#box").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 844


def test_who_wants_no_motion_gets_none(visit: Any) -> None:
    page = visit(reduced_motion="reduce")
    write(page, "Tell me everything. " * 3)
    page.locator("#box .stop-button").wait_for()
    moving = page.evaluate("document.getAnimations().filter(a => a.playState === 'running').length")
    assert moving == 0
    finished(page, 1)


def test_every_control_has_a_name(visit: Any) -> None:
    page = visit()
    say(page, "Hello.", 1)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a, select, [role="meter"]')]
            .filter((e) => e.getBoundingClientRect().width > 0)
            .filter((e) => !(e.innerText || '').trim() && !e.getAttribute('aria-label')
                && !e.getAttribute('title') && !e.closest('label'))
            .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    assert page.locator('#turn [role="meter"]').count() == 4
    assert page.locator("[role='status']").count() >= 1
