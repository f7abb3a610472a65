"""The running app and a page in headless Chromium that tells on itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from tests.support.app import ROOT, App, running_app

ARTIFACTS: Final = ROOT / "test-artifacts"
CHROMIUM: Final = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
)
LEAVING: Final = ("AbortError", "Connection errored out", "BodyStreamBuffer was aborted")
PATIENCE: Final = 60_000
"""Milliseconds that a step may take: machines for tests are slow and busy."""


@pytest.fixture(scope="session")
def steady_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """It writes as slowly as a real one, so that a reply can be looked at while it comes."""
    with running_app(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="session")
def quick_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """For tests of what comes after the reply: nobody waits for it."""
    with running_app(tmp_path_factory.mktemp("quick"), "--scripted-pace", "0.005") as running:
        yield running


@pytest.fixture(scope="module")
def app(request: pytest.FixtureRequest) -> App:
    """The app of a file of tests, quick where it says `QUICK = True`.

    All files share the two; each test's page has a cookie, so an owner, of its own.
    """
    quick = getattr(request.module, "QUICK", False)
    found: App = request.getfixturevalue("quick_app" if quick else "steady_app")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser a file: Playwright keeps an event loop running in this thread while it lives, and
    an async test of the next file in the same process could not start its own.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", found), args=list(CHROMIUM)
        )
        yield launched
        launched.close()


class Watch:
    """What a page did that it should not: errors, dialogs, requests to other hosts."""

    def __init__(self, app: App) -> None:
        self.host = urlsplit(app.url).netloc
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.elsewhere: list[str] = []

    def over(self, page: Page) -> None:
        page.on("console", lambda said: self._console(said.type, said.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request.url))

    def _console(self, kind: str, text: str) -> None:
        # Leaving a page breaks off its streams, and Gradio says so; that is no fault of the page.
        if kind == "error" and not any(words in text for words in LEAVING):
            self.errors.append(text)

    def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != self.host:
            self.elsewhere.append(url)


@pytest.fixture
def watch(app: App) -> Iterator[Watch]:
    """Checked at the end of every test that uses a page."""
    found = Watch(app)
    yield found
    assert found.errors == []
    assert found.dialogs == []
    assert found.elsewhere == []


def context(browser: Browser, **options: object) -> BrowserContext:
    """A visitor of its own: 1440 x 900, British English, light, unless told otherwise."""
    wanted = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", **options}
    made = browser.new_context(**wanted)  # type: ignore[arg-type]
    made.set_default_timeout(PATIENCE)
    return made


@pytest.fixture
def page(app: App, browser: Browser, watch: Watch) -> Iterator[Page]:
    """The chat page of a visitor who has never been here."""
    visitor = context(browser)
    opened = visitor.new_page()
    watch.over(opened)
    opened.goto(app.url)
    opened.locator(".welcome h2").wait_for()
    opened.locator(".chip.ready").wait_for()
    yield opened
    visitor.close()


def shoot(page: Page, name: str) -> Path:
    """A screenshot to look at, in test-artifacts."""
    ARTIFACTS.mkdir(exist_ok=True)
    path = ARTIFACTS / f"{name}.png"
    page.wait_for_timeout(400)  # transitions
    page.screenshot(path=path)
    return path
