"""Every page, with hostile text in every field, in a real browser: it is shown, and nothing runs.

One load a page. Watched are dialogs, requests to other hosts, errors, and what the policy blocked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from chat.accounts import Accounts
from chat.store import FeedbackInput, Store
from chat.store.account_records import Role
from chat.store.study_records import (
    Choice,
    Contestant,
    NewStudy,
    NewVote,
    StudyKind,
    StudyPrompt,
)
from tests.browser.conftest import Watch, browser, context, shoot
from tests.browser.steps import say, tab
from tests.conftest import Figures
from tests.security.hostile import ALL, ELSEWHERE, LINE, SHORT, SHOWN, STRINGS
from tests.store.samples import COMPLETE, KEEP, NEW_REPLY, REWARD, SCORED
from tests.support.app import App, running_app

__all__ = ["browser"]

pytestmark = [pytest.mark.security, pytest.mark.browser]

PASSWORD: Final = "correct horse battery"
NAME: Final = f"Eve {SHORT}"
TELL: Final = """document.addEventListener('securitypolicyviolation', (event) =>
  console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI));"""

RUNNING: Final = """() => [...document.querySelectorAll('*')].filter((one) =>
    [...one.attributes].some((a) => /^on/i.test(a.name) && /alert/.test(a.value)
      || /^(src|href|action|data|srcdoc)$/i.test(a.name) && /javascript:|evil|alert/i.test(a.value)
         && !/^data:|^\\?|^\\/(history|arena|api)|^https?:\\/\\/127/.test(a.value)))
  .map((one) => one.outerHTML.slice(0, 200))"""
"""Elements that hostile text has become. Text stays text."""


@dataclass
class Full:
    """The app, full of hostile text, and where some of it is."""

    app: App
    conversation: str
    reply: str
    study: str
    study_token: str
    invitation_token: str


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    home = tmp_path_factory.mktemp("hostile")
    (home / "data").mkdir()
    places = asyncio.run(fill(home / "data" / "perm-chat.db"))
    with running_app(home, "--scripted-pace", "0.002", "--login") as app:
        yield Full(app, *places)


async def fill(path: Path) -> tuple[str, str, str, str, str]:
    """Hostile text in everything that a person, a model or a judge can write."""
    store = await Store.open(f"sqlite:///{path}")
    owner = (await Accounts(store).add(NAME, PASSWORD, Role.ADMINISTRATOR)).owner
    place = await store.create_conversation(owner, ALL, ALL, KEEP, title=LINE, model=None)
    turn = await store.add_turn(owner, place.id, ALL, None, "suicide")
    reply = await answered(store, owner, turn.id)
    await store.save_feedback(
        owner, reply, FeedbackInput(thumb=-1, resonation=2, comment=ALL, better=ALL, reasons=())
    )
    await store.save_tags(owner, place.id, [SHORT])
    await store.save_note(owner, place.id, ALL)
    invitation = await store.invitations.invite(owner, place.id, with_analysis=True)
    rated = FeedbackInput(thumb=1, comment=ALL)
    await store.invitations.rate(invitation.token, "rater", reply, rated)
    one = Contestant(name=SHORT, model=SHORT, prompt_hash=SHORT)
    study = await store.studies.create(
        owner,
        NewStudy(name=LINE, kind=StudyKind.STUDY, a=one, b=one),
        [StudyPrompt(persona=ALL, scenario=ALL, message=ALL) for _ in range(2)],
    )
    for item in await store.studies.items(owner, study.id):
        asked = await store.add_turn(owner, item.conversation_id, ALL, None)
        first, second = [await answered(store, owner, asked.id) for _ in range(2)]
        await store.studies.set_replies(owner, item.id, first, second)
    await store.studies.join(study.token, "rater")
    sheet = await store.studies.next_sheet(study.token, "rater")
    assert sheet is not None
    vote = NewVote(choice=Choice.TIE, margin=None, why=ALL)
    await store.studies.save_vote(study.token, "rater", sheet.comparison_id, vote)
    await store.close()
    return str(place.id), str(reply), str(study.id), study.token, invitation.token


async def answered(store: Store, owner: str, turn_id: UUID) -> UUID:
    names = {"model": SHORT, "engine": SHORT, "request": ({"role": "user", "content": ALL},)}
    new = NEW_REPLY.model_copy(update=names)
    reply = await store.add_reply(owner, turn_id, new)
    said = {"raw": ALL, "analysis": ALL, "response": ALL, "error": ALL}
    await store.update_reply(owner, reply.id, COMPLETE.model_copy(update=said))
    judged = {"reason": ALL, "raw": ALL, "request": ALL, "judge_model": SHORT}
    await store.save_verdict(owner, reply.id, SCORED.model_copy(update=judged))
    await store.save_reward(owner, reply.id, REWARD)
    return reply.id


@pytest.fixture(scope="module")
def watch(full: Full) -> Watch:
    return Watch(full.app)


@pytest.fixture(scope="module")
def page(full: Full, browser: Browser, watch: Watch) -> Iterator[Page]:
    """Logged in through the login page itself, after a try that failed."""
    visitor = context(browser)
    visitor.add_init_script(TELL)
    opened = visitor.new_page()
    watch.over(opened)
    opened.goto(full.app.url)
    for password in ("wrong", PASSWORD):
        opened.fill("[name=name]", NAME)
        opened.fill("[name=password]", password)
        opened.get_by_role("button", name="Log in").click()
        if password == "wrong":
            expect(opened.locator(".wrong")).to_contain_text("do not belong together")
            assert opened.input_value("[name=name]") == NAME
            harmless(opened, watch, SHORT)
    opened.locator(".chip.ready").wait_for()
    yield opened
    visitor.close()


LOOKED: Final[list[str]] = []
"""At which addresses it was looked."""


def harmless(page: Page, watch: Watch, shown: str = SHOWN) -> None:
    """The text is there to be read, and nothing of it has happened."""
    LOOKED.append(page.url)
    said = page.evaluate(
        "() => document.documentElement.innerText + "
        "[...document.querySelectorAll('input,textarea')].map((one) => one.value).join(' ')"
    )
    assert shown in said, "the test looks at a page that shows it"
    assert page.evaluate(RUNNING) == []
    assert watch.dialogs == []
    assert watch.elsewhere == []
    told = [one for one in watch.errors if "401" not in one]  # Chromium tells of the failed login
    assert told == []
    assert ELSEWHERE not in page.url


def test_an_open_conversation(full: Full, page: Page, watch: Watch) -> None:
    page.goto(f"{full.app.url}/?c={full.conversation}")
    page.locator("#chat .bot-row").first.wait_for()
    expect(page.locator("#turn")).to_contain_text("onerror")
    harmless(page, watch)
    for name in ("Analysis", "Feedback", "Trend", "Turn"):
        tab(page, name)
    page.locator("#chat .bot-row").hover()
    harmless(page, watch)
    shoot(page, "hostile-chat")


def test_a_turn_that_is_spoken_and_echoed_now(full: Full, page: Page, watch: Watch) -> None:
    page.goto(full.app.url)
    page.locator(".welcome h2").wait_for()
    page.locator(".chip.ready").wait_for()
    say(page, ALL, 1)
    harmless(page, watch)


def test_history(full: Full, page: Page, watch: Watch) -> None:
    page.goto(f"{full.app.url}/history")
    expect(page.locator("#history")).to_contain_text("onerror")
    harmless(page, watch)
    for query in (f"c={full.conversation}", f"r={full.reply}", f"r={full.reply}&with={full.reply}"):
        page.goto(f"{full.app.url}/history?{query}")
        expect(page.locator("#history")).to_contain_text("onerror")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        harmless(page, watch)
    page.goto(
        f"{full.app.url}/history?text=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&tag=%22%3E%3Cb"
    )
    page.locator("#history-top form").wait_for()
    assert page.evaluate(RUNNING) == []


def test_arena_insights_and_export(full: Full, page: Page, watch: Watch) -> None:
    page.goto(f"{full.app.url}/arena?study={full.study}")
    expect(page.locator("#arena-results")).to_contain_text("onerror")
    harmless(page, watch)
    page.goto(f"{full.app.url}/insights")
    expect(page.locator("#insights")).not_to_be_empty()
    harmless(page, watch, "Insights")
    page.goto(f"{full.app.url}/export")
    page.locator("#export-preview h3").wait_for()
    expect(page.locator("#everybody")).to_be_visible()
    harmless(page, watch, "Export")
    shoot(page, "hostile-export")


def test_the_raters_pages(full: Full, page: Page, watch: Watch) -> None:
    page.goto(f"{full.app.url}/rate/turns/{full.invitation_token}?turn=1&agreed=yes")
    harmless(page, watch)
    page.goto(f"{full.app.url}/rate/{full.study_token}")
    page.locator("[name=keep]").check()
    page.locator("button.main").click()
    page.locator(".pair").wait_for()
    harmless(page, watch)


def test_the_account(full: Full, page: Page, watch: Watch) -> None:
    page.goto(f"{full.app.url}/account")
    harmless(page, watch, SHORT)
    page.get_by_role("button", name="Log out", exact=True).click()
    page.wait_for_url("**/login")
    page.goto(f"{full.app.url}/history")
    page.wait_for_url("**/login?next=/history")
    assert watch.dialogs == watch.elsewhere == []


def test_nothing_has_happened_on_any_page(full: Full, watch: Watch, figure: Figures) -> None:
    assert watch.dialogs == watch.elsewhere == []
    kinds = {url.removeprefix(full.app.url).partition("?")[0] for url in LOOKED}
    assert len(kinds) >= 8, "this test speaks for those before it: run the whole file"
    said = f"strings in each field, {len(LOOKED)} looks at {len(kinds)} pages: 0 ran"
    figure("security.hostile-text", len(STRINGS), said)
