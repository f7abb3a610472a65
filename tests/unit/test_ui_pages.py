"""From page to page: the navigation, the registry, the sheet."""

from __future__ import annotations

import re

import pytest

from chat.engines.base import EngineState, Phase
from chat.ui.header import Served, header
from chat.ui.navigation import Link, navigation
from chat.ui.pages import PAGES
from chat.ui.trouble import PARTS, trouble
from perm.types import Part, PermError

pytestmark = pytest.mark.unit

XSS = "<img src=x onerror=alert(1)>"
LINKS = (Link(name="Chat", path=""), Link(name="History", path="history"))


def test_the_navigation_leads_everywhere_and_marks_this_page_alone() -> None:
    html = navigation(LINKS, "history")
    entries = re.findall(r'<a href="(.*?)"( aria-current="page")?>(.*?)</a>', html)
    mark = ' aria-current="page"'
    assert entries == [("/", "", "Chat"), ("/history", mark, "History")] * 2  # row and menu
    assert 'aria-label="Pages"' in html
    assert "History</summary>" in html


def test_one_page_needs_no_navigation() -> None:
    assert navigation(LINKS[:1], "") == ""


def test_every_page_is_listed_once_and_the_first_one_is_the_ground() -> None:
    assert PAGES[0].path == ""
    assert all(re.fullmatch(r"[a-z]+", page.path) for page in PAGES[1:])
    for names in ([page.name for page in PAGES], [page.path for page in PAGES]):
        assert len(set(names)) == len(names)


def test_the_masthead_says_who_talks_where_one_talks() -> None:
    state = EngineState(phase=Phase.READY)
    engines = (Served(role="Model", model="a-model", engine="x", state=state),)
    chat, other = header(engines, "<nav>"), header(engines, "<nav>", talking=False)
    assert "ai-mark" in chat
    assert "ai-mark" not in other
    assert "<nav>" in chat
    assert "<nav>" in other


@pytest.mark.parametrize("part", list(Part))
def test_trouble_names_the_part_and_escapes(part: Part) -> None:
    error = PermError(f"It broke {XSS}.", f"Mend it {XSS}.")
    error.part = part
    html = trouble(error)
    assert f"<b>{PARTS[part]}.</b> It broke" in html
    assert 'role="alert"' in html
    assert "<img" not in html
