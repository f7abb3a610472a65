"""What a person does on the page, in the tests' words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE
from tests.support.app import App

expect.set_options(timeout=PATIENCE)


def write(page: Page, message: str) -> None:
    """Type a message and press Enter."""
    box = page.locator("#box textarea")
    box.fill(message)
    box.press("Enter")


def say(page: Page, message: str, turn: int) -> None:
    """Send a message and wait until its turn is answered, judged and told."""
    write(page, message)
    finished(page, turn)


def finished(page: Page, turn: int) -> None:
    expect(page.locator("#spoken")).to_contain_text(f"Turn {turn} is complete.")
    expect(page.locator(".summary")).to_have_attribute("data-activity", "idle")


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait for what the page does not tell: that the database holds it."""
    until = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.1)


def keep(page: Page) -> None:
    """Consent to keeping, and nothing else."""
    page.locator("#keep input").check()
    expect(page.locator("#research input")).to_be_enabled()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def open_id(page: Page) -> UUID:
    """The open conversation's id, from the address."""
    page.wait_for_url("**/?c=*")
    return UUID(page.url.split("?c=")[1][:36])


def scores(page: Page) -> list[str]:
    """The four values of the Turn tab."""
    return page.locator("#turn .seat-row .value").all_inner_texts()


def rows(app: App, query: str, *values: object) -> Sequence[Any]:
    with sqlite3.connect(f"file:{app.database}?mode=ro", uri=True) as connection:
        return connection.execute(query, values).fetchall()


def count(app: App, table: str) -> int:
    return int(rows(app, f"SELECT count(*) FROM {table}")[0][0])
