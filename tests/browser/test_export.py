"""The Export page: preferences are counted, downloaded, and taken by TRL."""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from chat.store import Store
from tests.browser.conftest import Watch, context, shoot
from tests.export.test_trainers import STEPS, dpo, loaded
from tests.support.app import App
from tests.support.talks import talk

pytestmark = pytest.mark.browser

QUICK = True


def fill(app: App, page: Page, talks: int) -> None:
    """Rated conversations of the page's visitor, put where the app keeps them."""
    [token] = [one["value"] for one in page.context.cookies() if one["name"] == "perm_chat"]
    owner = hashlib.sha256(token.encode()).hexdigest()[:32]

    async def work() -> None:
        store = await Store.open(f"sqlite:///{app.database}")
        for number in range(talks):
            await talk(store, owner, word=f"browser talk {number}")
        await store.close()

    apart(lambda: asyncio.run(work()))


def apart(work: Callable[[], object]) -> object:
    """Outside this thread, in which Playwright keeps an event loop running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_with_nothing_to_export_it_says_how_to_come_to_something(page: Page, app: App) -> None:
    page.goto(f"{app.url}/export")
    expect(page.locator(".preview.empty")).to_contain_text("Nothing to export yet")
    expect(page.locator("a.download")).to_have_count(0)
    shoot(page, "export-empty")


def test_preferences_are_exported_and_taken_by_trl(page: Page, app: App, tmp_path: Path) -> None:
    fill(app, page, 6)
    page.goto(f"{app.url}/export")
    expect(page.locator("#export-preview tbody")).to_contain_text("train")
    expect(page.locator("#export-preview")).to_contain_text("6 picks among drafts")
    digest = page.locator("#export-preview tbody code").first.get_attribute("title")
    shoot(page, "export")
    with page.expect_download() as begun:
        page.locator("a.download").click()
    begun.value.save_as(tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "out")
    train = (tmp_path / "out" / "train.jsonl").read_bytes()
    assert hashlib.sha256(train).hexdigest() == digest
    data = loaded(tmp_path / "out", tmp_path / "cache")["train"]
    assert dpo(data, tmp_path).state.global_step == STEPS
    page.reload()
    expect(page.locator("#export-earlier tbody tr")).to_have_count(1)


def test_a_phone_has_it_in_one_column(app: App, browser: Browser, watch: Watch) -> None:
    visitor = context(
        browser, viewport={"width": 390, "height": 844}, has_touch=True, color_scheme="dark"
    )
    page = visitor.new_page()
    watch.over(page)
    page.goto(app.url)
    page.locator(".chip.ready").wait_for()
    fill(app, page, 2)
    page.goto(f"{app.url}/export")
    link = page.locator("a.download")
    link.scroll_into_view_if_needed()
    box = link.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    shoot(page, "export-phone-dark")
    visitor.close()


def test_nobody_gets_anothers_export(app: App, browser: Browser, watch: Watch) -> None:
    mine, other = context(browser), context(browser)
    for visitor in (mine, other):
        page = visitor.new_page()
        watch.over(page)
        page.goto(app.url)
        page.locator(".chip.ready").wait_for()
    fill(app, mine.pages[0], 2)
    address = f"{app.url}/api/export?format=grpo"
    assert mine.request.get(address).status == 200
    refused = other.request.get(address)
    assert refused.status == 400
    assert "nothing to export" in refused.json()["error"]["what"]
    wrong = mine.request.get(f"{app.url}/api/export?format=grpo&owner=x")
    assert wrong.status == 400
    mine.close()
    other.close()
