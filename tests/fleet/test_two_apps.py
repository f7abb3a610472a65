"""Two app processes on one PostgreSQL, one model server: nothing is lost, doubled or cut off."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Watch, browser, context, shoot
from tests.support.app import App, running_app
from tests.support.fleet import Turn, running_apps, scripted_server, statuses, until
from tests.support.postgres import PostgresServer, postgres_server

__all__ = ["browser", "postgres_server"]

pytestmark = [pytest.mark.fleet, pytest.mark.postgres, pytest.mark.timeout(600)]

KEPT: Final = {"consents": {"keep": True}}
MESSAGE: Final = "My boss never listens to me, and I am so tired."


def at(server: str) -> tuple[str, ...]:
    return ("--engine", "openai", "--base-url", server, "--method", "direct")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server whose replies take some twenty seconds: time enough to come in between."""
    with scripted_server(0.2) as url:
        yield url


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> str:
    return postgres_server.database()


@pytest.fixture(scope="module")
def apps(
    tmp_path_factory: pytest.TempPathFactory, database: str, server: str
) -> Iterator[list[App]]:
    """Both begin at once with an empty database: one makes the tables, the other waits for it.

    One pair serves all tests; the last one kills one of them.
    """
    home = tmp_path_factory.mktemp("fleet")
    with running_apps(2, home, database, *at(server)) as two:
        yield two


@pytest.fixture(autouse=True)
def nothing_kept(apps: list[App], database: str) -> None:
    """Each test begins without conversations."""
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM conversation")


@pytest.fixture
def person() -> Iterator[httpx.Client]:
    """One person, by the cookie that the first answer gives; it is sent to every port."""
    with httpx.Client() as client:
        yield client


def test_a_conversation_goes_on_wherever_it_arrives(
    apps: list[App], person: httpx.Client, database: str
) -> None:
    first, second = apps
    with Turn(person, first.url, message=MESSAGE, **KEPT) as turn:
        place = turn.until("turn_saved")["conversation_id"]
        turn.until("response_delta")
        asked = {"conversation_id": place, "message": "Are you there?"}
        refused = person.post(f"{second.url}/api/turns", json=asked)
        assert refused.status_code == 400
        assert "another server" in refused.json()["error"]["what"]
        landed = [event["event"] for event in turn.events()]
    assert landed.count("verdict_landed") >= 4
    with Turn(person, second.url, conversation_id=place, message="And again.") as turn:
        assert turn.until("turn_saved")["number"] == 2
        turn.until("reply_done")
    assert statuses(database) == ["complete", "complete"]


def test_a_start_leaves_alone_what_another_process_writes(
    apps: list[App], person: httpx.Client, database: str, server: str, tmp_path: Path
) -> None:
    with Turn(person, apps[0].url, message=MESSAGE, **KEPT) as turn:
        turn.until("analysis_delta")
        with running_app(tmp_path / "later", *at(server), "--database-url", database):
            assert statuses(database) == ["writing"]
        assert turn.until("reply_done")["status"] == "complete"
    assert statuses(database) == ["complete"]


def test_what_one_deletes_is_gone_for_the_other(
    apps: list[App], person: httpx.Client, database: str
) -> None:
    first, second = apps
    with Turn(person, first.url, message=MESSAGE, **KEPT) as turn:
        place = turn.until("turn_saved")["conversation_id"]
        with psycopg.connect(database) as connection:
            connection.execute("DELETE FROM conversation")
        kinds = [event["event"] for event in turn.events()]
    assert kinds[-1] == "turn_ended"
    for app in (first, second):
        asked = {"conversation_id": place, "message": "Hello?"}
        assert person.post(f"{app.url}/api/turns", json=asked).status_code == 404
    assert statuses(database) == []


@pytest.mark.browser
def test_a_page_says_who_writes_and_shows_it(
    apps: list[App], person: httpx.Client, browser: Browser
) -> None:
    first, second = apps
    with Turn(person, first.url, message=MESSAGE, **KEPT) as turn:
        place = turn.until("turn_saved")["conversation_id"]
        turn.until("response_delta")
        visitor = context(browser)
        cookie = person.cookies["perm_chat"]
        visitor.add_cookies(
            [{"name": "perm_chat", "value": cookie, "httpOnly": True, "url": first.url}]
        )
        page = visitor.new_page()
        watch = Watch(second)
        watch.over(page)
        page.goto(f"{second.url}/?c={place}")
        expect(page.locator("#strip")).to_contain_text("Another server of this app is writing")
        expect(page.locator(".summary")).to_have_attribute("data-activity", "writing")
        shoot(page, "written-elsewhere")
        said = turn.until("reply_done")["response"]
    expect(page.locator("#chat")).to_contain_text(said[-30:])
    expect(page.locator("#spoken")).to_contain_text("Turn 1 is complete.")
    visitor.close()
    assert watch.errors == []


def test_what_a_killed_process_wrote_is_marked_by_the_other(
    apps: list[App], person: httpx.Client, database: str
) -> None:
    first, second = apps
    with Turn(person, first.url, message=MESSAGE, **KEPT) as turn:
        place = turn.until("turn_saved")["conversation_id"]
        turn.until("response_delta")
        os.kill(first.pid, signal.SIGKILL)
        with pytest.raises(httpx.HTTPError):
            list(turn.events())
    until(lambda: statuses(database) == ["interrupted"])
    with Turn(person, second.url, conversation_id=place, message="Are you there?") as turn:
        assert turn.until("reply_done")["status"] == "complete"
