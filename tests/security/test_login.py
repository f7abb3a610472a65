"""A shared server: nobody gets in without an account, and everybody sees what is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher

from chat.accounts.passwords import Passwords
from chat.store.account_records import Account, Role
from chat.store.records import Consents
from chat.ui.login_pages.routes import place_in
from chat.visitors import COOKIE, LOGIN_COOKIE
from tests.conftest import Figures
from tests.security.world import PAGES, SECRET, World, belongings, world_in

pytestmark = pytest.mark.unit

PASSWORD = "correct horse battery"
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
BROWSER = {"accept": "text/html"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path, pages=False, login=True) as made:
        made.services.accounts._passwords = QUICK
        yield made


async def add(world: World, name: str, role: Role = Role.PERSON) -> Account:
    return await world.services.accounts.add(name, PASSWORD, role)


async def log_in(
    client: httpx.AsyncClient, name: str, password: str = PASSWORD, wanted: str = ""
) -> httpx.Response:
    return await client.post("/login", data={"name": name, "password": password, "next": wanted})


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_leads_to_the_login_and_back(world: World, path: str) -> None:
    await add(world, "Ada")
    async with world.visitor(**BROWSER) as ada:
        led = await ada.get(f"{path}?c=1")
        assert led.status_code == 303
        form = await ada.get(led.headers["location"])
        assert form.status_code == 200
        assert "Log in" in form.text
        wanted = f"{path}?c=1"
        assert f'value="{wanted}"' in form.text
        done = await log_in(ada, "Ada", wanted=wanted)
        assert (done.status_code, done.headers["location"]) == (303, wanted)


async def test_a_page_opens_and_leads_to_the_account(tmp_path: Path) -> None:
    async with world_in(tmp_path, login=True) as world, world.visitor() as ada:
        world.services.accounts._passwords = QUICK
        await add(world, "Ada <b>")
        await log_in(ada, "Ada <b>")
        for path in PAGES:
            opened = await ada.get(path)
            assert opened.status_code == 200
            assert path == "/" or "Account" in opened.text, "the chat page loads its head later"
        assert "Ada &lt;b&gt;" in (await ada.get("/account")).text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/turns"),
        ("POST", "/api/score"),
        ("GET", "/api/models"),
        ("GET", "/api/export?format=sft"),
        ("GET", "/config"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/queue/data?session_hash=x"),
    ],
)
async def test_a_program_is_told_in_json(world: World, method: str, path: str) -> None:
    async with world.visitor() as nobody:
        answer = await nobody.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == 401
    assert answer.json()["error"]["what"] == "You are not logged in."
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/account"])
async def test_a_program_that_only_looks_whether_there_is_a_page_finds_one(
    world: World, path: str
) -> None:
    """As a container's health check does, which asks for no type and follows where it is led."""
    async with world.visitor() as check:
        answer = await check.get(path, follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/login")


async def test_whoever_is_logged_in_owns_what_they_say(world: World) -> None:
    account = await add(world, "Ada")
    async with world.visitor() as ada:
        await log_in(ada, "Ada")
        assert (await world.owner(ada)) == account.owner
        assert COOKIE not in ada.cookies, "an account needs no anonymous cookie"
    async with world.visitor() as elsewhere:
        await log_in(elsewhere, "ADA")
        assert len(await world.services.session.conversations(account.owner)) == 1


async def test_the_cookie_is_for_this_server_alone(world: World) -> None:
    await add(world, "Ada")
    async with world.visitor() as ada:
        given = (await log_in(ada, "Ada")).headers["set-cookie"]
    assert given.startswith(f"{LOGIN_COOKIE}=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(given.split("; "))
    transport = httpx.ASGITransport(app=world.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1") as secure:
        assert (await log_in(secure, "Ada")).headers["set-cookie"].endswith("; Secure")
        assert all(
            "Secure" in one for one in (await secure.get("/rate/x")).headers.get_list("set-cookie")
        )


async def test_a_login_is_new_each_time_and_ends_on_the_server(world: World) -> None:
    await add(world, "Ada")
    async with world.visitor() as ada, world.visitor() as thief:
        await log_in(ada, "Ada")
        first = ada.cookies[LOGIN_COOKIE]
        await log_in(ada, "Ada")
        assert ada.cookies[LOGIN_COOKIE] != first
        thief.cookies.set(LOGIN_COOKIE, first)
        assert (await thief.get("/api/models")).status_code == 200
        out = await ada.post("/logout", data={"everywhere": "yes"})
        assert (out.status_code, out.headers["location"]) == (303, "/login")
        assert (await ada.get("/api/models")).status_code == 401
        assert (await thief.get("/api/models")).status_code == 401


async def test_one_changes_ones_own_password(world: World) -> None:
    await add(world, "Ada")
    other = "another long one"
    async with world.visitor() as ada, world.visitor() as there, world.visitor() as nobody:
        await log_in(ada, "Ada")
        await log_in(there, "Ada")
        wrong = await ada.post("/account/password", data={"password": "no", "wanted": other})
        assert (wrong.status_code, "do not belong together" in wrong.text) == (401, True)
        short = await ada.post("/account/password", data={"password": PASSWORD, "wanted": "x"})
        assert (short.status_code, "has 1 characters" in short.text) == (400, True)
        assert (await there.get("/api/models")).status_code == 200, "nothing has changed yet"
        done = await ada.post("/account/password", data={"password": PASSWORD, "wanted": other})
        assert (done.status_code, "is changed" in done.text) == (200, True)
        assert (await ada.get("/api/models")).status_code == 200
        assert (await there.get("/api/models")).status_code == 401, "other devices are out"
        unknown = await nobody.post("/account/password", data={"password": other, "wanted": other})
        assert unknown.status_code == 401
        assert (await log_in(nobody, "Ada")).status_code == 401, "the old one is gone"


async def test_logging_out_here_leaves_other_devices_alone(world: World) -> None:
    await add(world, "Ada")
    async with world.visitor() as here, world.visitor() as there:
        await log_in(here, "Ada")
        await log_in(there, "Ada")
        await here.post("/logout")
        assert (await here.get("/api/models")).status_code == 401
        assert (await there.get("/api/models")).status_code == 200


async def test_a_link_to_log_out_changes_nothing(world: World) -> None:
    await add(world, "Ada")
    async with world.visitor() as ada:
        await log_in(ada, "Ada")
        await ada.get("/logout")
        assert (await ada.get("/api/models")).status_code == 200


@pytest.mark.parametrize("change", ["remove", "password"])
async def test_an_administrators_command_ends_logins_at_once(world: World, change: str) -> None:
    await add(world, "Ada")
    async with world.visitor() as ada:
        await log_in(ada, "Ada")
        if change == "remove":
            await world.services.accounts.remove("Ada")
        else:
            await world.services.accounts.set_password("Ada", "another long one")
        assert (await ada.get("/api/models")).status_code == 401


async def test_wrong_name_and_wrong_password_are_one_page(world: World) -> None:
    await add(world, "Ada")
    pages = []
    for name, password in (("Ada", "wrong"), ("Bob", PASSWORD)):
        async with world.visitor() as client:
            answer = await log_in(client, name, password)
        assert answer.status_code == 401
        assert LOGIN_COOKIE not in answer.headers.get("set-cookie", "")
        pages.append(answer.text.replace(name, "NAME"))
    assert pages[0] == pages[1]
    assert PASSWORD not in "".join(pages)


async def test_guessing_is_told_to_wait(world: World, figure: Figures) -> None:
    await add(world, "Ada")
    async with world.visitor() as client:
        answers = [(await log_in(client, "Ada", f"wrong {n}")) for n in range(6)]
    statuses = [one.status_code for one in answers]
    assert statuses == [401] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    tries = statuses.index(429)
    figure("security.login", tries, "tries in five minutes, then 429 with Retry-After")


async def test_another_site_cannot_log_anybody_in_or_out(world: World) -> None:
    await add(world, "Ada")
    async with world.visitor(origin="https://evil.test") as client:
        assert (await log_in(client, "Ada")).status_code == 403
        assert (await client.post("/logout")).status_code == 403


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "evil", "",
     "/login", "/ok\r\nset-cookie: x", "http:///evil.test", "/logout"],
)  # fmt: skip
def test_after_the_login_one_stays_here(wanted: str) -> None:
    assert place_in(wanted) == "/"


def test_after_the_login_one_gets_where_one_wanted_to() -> None:
    assert place_in("/history?text=a%20b&c=1") == "/history?text=a%20b&c=1"


async def test_raters_need_no_account(world: World) -> None:
    account = await add(world, "Ada")
    has = await belongings(world, account.owner)
    async with world.visitor(**BROWSER) as rater:
        for path in (f"/rate/{has.study_token}", f"/rate/turns/{has.invitation_token}"):
            assert (await rater.get(path)).status_code == 200
        assert COOKIE in rater.cookies
        assert (await rater.get("/healthz")).status_code == 200
        assert (await rater.get("/ratex")).status_code == 303


async def test_without_login_there_is_none(tmp_path: Path) -> None:
    async with world_in(tmp_path, pages=False) as open_to_all, open_to_all.visitor() as client:
        for answer in (await client.get("/login"), await log_in(client, "Ada"),
                       await client.get("/account"), await client.post("/logout")):  # fmt: skip
            assert answer.status_code == 400


# The administrator


async def test_an_administrator_exports_everybodys_consented_conversations(world: World) -> None:
    ada, root = await add(world, "Ada"), await add(world, "Root", Role.ADMINISTRATOR)
    await belongings(world, ada.owner)
    quiet = await world.services.session.begin(ada.owner, "", "", Consents(keep=True))
    await world.services.session.rename(ada.owner, quiet.id, "not agreed to")
    async with world.visitor() as client:
        await log_in(client, "Root")
        own = await client.get("/api/export?format=scores&purpose=train")
        assert own.status_code == 400, "an administrator has no conversations of their own here"
        answer = await client.get("/api/export?format=scores&purpose=train&everybody=yes")
        assert answer.status_code == 200
    [record] = await world.services.store.exports(None)
    assert (record.owner, record.conversations) == (None, 1)
    assert await world.services.store.exports(root.owner) == []


@pytest.mark.parametrize("path", ["/api/export?format=scores&everybody=yes"])
async def test_nobody_else_does(world: World, path: str) -> None:
    ada, _ = await add(world, "Ada"), await add(world, "Ben")
    await belongings(world, ada.owner)
    async with world.visitor() as client:
        await log_in(client, "Ben")
        answer = await client.get(path)
    assert answer.status_code == 403
    assert SECRET not in answer.text
    assert await world.services.store.exports(None) == []


async def test_an_administrator_reads_nobodys_conversations(world: World) -> None:
    ada, _ = await add(world, "Ada"), await add(world, "Root", Role.ADMINISTRATOR)
    has = await belongings(world, ada.owner)
    async with world.visitor() as client:
        await log_in(client, "Root")
        answer = await client.post(
            "/api/turns", json={"message": "hi", "conversation_id": str(has.conversation)}
        )
    assert answer.status_code == 404
