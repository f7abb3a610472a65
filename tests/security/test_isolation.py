"""Ann and Ben: nothing of hers reaches him, and what is hers and what is not there are one to him.

What there is to ask for is read off the app itself: its routes, and the handlers of Gradio's pages.
A new one that nothing here speaks of fails the test.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.settings import ROOT
from chat.store import Store
from chat.store.tables import metadata
from chat.web import EVENTS, HIDDEN, USED
from tests.conftest import Figures
from tests.security.world import SECRET, Belongings, World, belongings, leaves, text_of, world_in

pytestmark = pytest.mark.security

ANN: Final = "a" * 32
SESSION: Final = "session_hash"
QUERIES: Final = ("c", "r", "with", "hold", "study")
"""What the pages' addresses name things by."""

PUBLIC: Final = frozenset(
    {"/", "/history", "/arena", "/insights", "/export", "/config", "/theme.css", "/favicon.ico",
     "/robots.txt", "/manifest.json", "/static/{path:path}", "/assets/{path:path}",
     "/svelte/{path:path}", "/gradio_api/theme.css", "/gradio_api/app_id", "/gradio_api/reset",
     "/healthz", "/metrics", "/api/judges",
     "/api/models", "/api/score", "/api/{_:path}", "/login", "/logout", "/account",
     "/account/password"}
)  # fmt: skip
"""The same for everybody: what they answer has nothing of anybody's."""

OWNED: Final = {
    "/api/turns": {"message": "hi", "conversation_id": "{conversation}"},
    "/api/turns/{turn_id}/pick": {"reply_id": "{reply}"},
    "/api/replies/{reply_id}/judge": {"method": "direct"},
    "/api/export": None,
}
"""Of the API: what is asked for by id, or without one."""

BY_LINK: Final = "/rate/"
BY_PAGE: Final = tuple(EVENTS + one for one in ("queue/join", "queue/data", "heartbeat/", "cancel"))


@dataclass
class Two:
    """Ann has everything; Ben has a conversation of his own, and a browser."""

    world: World
    ann: Belongings
    ben: httpx.AsyncClient
    his: Belongings
    before: frozenset[str]

    async def unharmed(self) -> bool:
        """Whether every row of Ann's is as it was."""
        return self.before <= await rows(self.world)


async def rows(world: World) -> frozenset[str]:
    async def everything(connection: AsyncConnection) -> frozenset[str]:
        found = set()
        for name, table in metadata.tables.items():
            listed = await connection.execute(select(table))
            found |= {f"{name} {row!r}" for row in listed.all()}
        return frozenset(found)

    async def read(store: Store) -> frozenset[str]:
        return await store._database.read(everything)

    return await read(world.services.store) | await read(world.services.session.unkept)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with world_in(tmp_path) as world, world.visitor() as ben:
        ann = await belongings(world, ANN)
        before = await rows(world)
        his = await belongings(world, await world.owner(ben), "ben's own")
        yield Two(world, ann, ben, his, before)


def filled(template: Any, has: Belongings) -> Any:
    text = json.dumps(template)
    for name in ("conversation", "turn", "reply", "study"):
        text = text.replace(f"{{{name}}}", str(getattr(has, name)))
    return json.loads(text)


def gone(has: Belongings) -> Belongings:
    """The same with ids and tokens that nobody has."""
    ids = [uuid4() for _ in has.ids]
    return Belongings(*ids, study_token="x" * 32, invitation_token="y" * 32)


def alike(text: str, *many: Belongings) -> str:
    """The text with every id in it written as one."""
    for has in many:
        for one in has.ids:
            text = text.replace(str(one), "ID").replace(one.hex, "ID")
    return text


# Routes


def test_every_route_of_the_app_is_spoken_of_here(two: Two, figure: Figures) -> None:
    unknown = [
        f"{method} {path}"
        for method, path in leaves(two.world.app.routes)
        if not (
            path.rstrip("/") in {one.rstrip("/") for one in PUBLIC}
            or path in OWNED
            or path.startswith((BY_LINK, *BY_PAGE, *HIDDEN))
            or (path.startswith(EVENTS) and not path.startswith(USED))
        )
    ]
    assert unknown == []
    known = set(leaves(two.world.app.routes))
    figure("security.routes", len(known), "routes, 0 unknown")


async def test_what_is_hidden_is_there_for_nobody(two: Two) -> None:
    for method, path in leaves(two.world.app.routes):
        real = re.sub(r"\{[^}]*\}", str(two.ann.conversation), path)
        if path.startswith(HIDDEN) or (path.startswith(EVENTS) and not path.startswith(USED)):
            answer = await two.ben.request(method, real)
            assert answer.status_code == 404, (method, real)
            assert method == "HEAD" or answer.json()["error"]["what"] == "There is nothing here."


async def test_what_everybody_gets_has_nothing_of_anybodys(two: Two) -> None:
    for method, path in set(leaves(two.world.app.routes)):
        if path not in PUBLIC or method not in {"GET", "HEAD", "POST"}:
            continue
        real = re.sub(r"\{[^}]*\}", "nothing", path)
        for query in ("", *(f"?{name}={one}" for name in QUERIES for one in two.ann.ids[:2])):
            answer = await two.ben.request(method, real + query)
            assert SECRET not in answer.text, (method, real)
    assert await two.unharmed()


async def test_the_api_gives_one_answer_to_a_foreign_id_and_a_missing_one(
    two: Two, figure: Figures
) -> None:
    nobody = gone(two.ann)
    for path, body in OWNED.items():
        answers = []
        for has in (two.ann, nobody):
            real = path.replace("{turn_id}", str(has.turn)).replace("{reply_id}", str(has.reply))
            asked = {"json": filled(body, has)} if body else {}
            method = "POST" if body else "GET"
            answer = await two.ben.request(method, real, params={} if body else FORMAT, **asked)
            said = text_of(answer)
            answers.append((answer.status_code, alike(said, two.ann, nobody)))
            assert SECRET not in said
            assert body or "ben's own" in said, "his own is exported"
        if body:
            assert answers[0] == answers[1], path
            assert answers[0][0] == 404, path
    assert await two.unharmed()
    figure("security.api", len(OWNED), "addresses that know ids or owners, 0 words of the other's")


FORMAT: Final = {"format": "scores", "purpose": "train"}


async def test_his_own_reply_cannot_be_picked_in_her_turn_nor_hers_in_his(two: Two) -> None:
    nobody = gone(two.ann)
    for turn, reply in ((two.ann.turn, two.his.reply), (two.his.turn, two.ann.reply)):
        foreign = await two.ben.post(f"/api/turns/{turn}/pick", json={"reply_id": str(reply)})
        other = nobody.turn if turn == two.ann.turn else turn
        lost = nobody.reply if reply == two.ann.reply else reply
        missing = await two.ben.post(f"/api/turns/{other}/pick", json={"reply_id": str(lost)})
        assert (foreign.status_code, foreign.text) == (missing.status_code, missing.text)
    assert await two.unharmed()


# Links: the token is the right to what it leads to, and to nothing beside it.


async def test_a_link_that_was_made_up_leads_nowhere(two: Two) -> None:
    for method, path in set(leaves(two.world.app.routes)):
        if not path.startswith(BY_LINK):
            continue
        answers = set()
        for token in ("z" * 32, two.ann.conversation.hex, str(two.ann.study), "../" + "z" * 30):
            real = path.replace("{token}", token).replace("{comparison_id}", str(uuid4()))
            answer = await two.ben.request(method, real, data={} if method == "POST" else None)
            answers.add(answer.status_code)
            assert SECRET not in answer.text
        assert answers <= {404, 405, 303, 400}, (method, path, answers)
    assert await two.unharmed()


async def test_a_raters_link_shows_no_word_that_is_not_to_be_rated(two: Two) -> None:
    ways = (f"/rate/turns/{two.ann.invitation_token}?turn=1&agreed=yes",
            f"/rate/{two.ann.study_token}")  # fmt: skip
    for way in ways:
        shown = (await two.ben.get(way)).text
        for kept in ("title", "tag", "note", "better", "comment", "why", "one"):
            assert f"{kept} {SECRET}" not in shown, (way, kept)


async def test_his_link_does_not_lead_to_hers(two: Two, figure: Figures) -> None:
    nobody = gone(two.ann)
    asked = [
        ("GET", "/rate/{study_token}/seen/{comparison}", None),
        ("POST", "/rate/{study_token}/vote", {"comparison": "{comparison}", "answer": "tie"}),
        ("POST", "/rate/turns/{invitation_token}/say", {"reply": "{reply}", "thumb": "1"}),
    ]
    for method, path, form in asked:
        answers = []
        for has in (two.ann, nobody):
            ids = {"comparison": str(has.comparison), "reply": str(has.reply)}
            real = path.format(**ids, study_token=two.his.study_token,
                               invitation_token=two.his.invitation_token)  # fmt: skip
            data = {name: text.format(**ids) for name, text in form.items()} if form else None
            answer = await two.ben.request(method, real, data=data)
            answers.append((answer.status_code, alike(answer.text, two.ann, nobody)))
            assert SECRET not in answer.text
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    assert await two.unharmed()
    figure("security.links", len(asked), "ways by a link, all as a missing id")


# The pages' handlers


def handlers(world: World) -> Iterator[tuple[int, Any]]:
    """One of each of Gradio's handlers that this program runs, by its number."""
    seen = set()
    for number, one in world.blocks.fns.items():
        name = getattr(one.fn, "__qualname__", None)
        if name is not None and name not in seen:
            seen.add(name)
            yield number, one


def actions() -> list[str]:
    """Every button's name that a page's HTML can have, and what handlers compare with."""
    said = set()
    for file in (ROOT / "chat" / "ui").rglob("*.py"):
        text = file.read_text("utf-8")
        said |= set(re.findall(r'data-action="([a-z-]+)"', text))
        said |= set(re.findall(r'^\s+"([a-z-]+)": self\._', text, re.MULTILINE))
        said |= set(re.findall(r'action (?:==|in) \{?"([a-z-]+)"', text))
    return sorted(said | {"judge-direct", "judge-reasoned", "close", "reopen"})


def takes_event(one: Any) -> bool:
    return "EventData" in str(getattr(one.fn, "__annotations__", {}).get("event", ""))


def values(one: Any, text: str) -> list[Any]:
    """What a browser would send: an id wherever text is taken, else what stands there."""
    kinds = {"textbox": text, "state": None, "browserstate": None}
    return [kinds.get(part.get_block_name(), getattr(part, "value", None)) for part in one.inputs]


async def run(
    client: httpx.AsyncClient,
    number: int,
    data: list[Any],
    *,
    session: str,
    event: Mapping[str, object] | None = None,
    query: Mapping[str, str] | None = None,
) -> str:
    """What a handler answers, as the browser gets it; without what changes by the clock."""
    body = {"data": data, "fn_index": number, "trigger_id": None, SESSION: session,
            "event_data": event}  # fmt: skip
    joined = await client.post(f"{EVENTS}queue/join", params=query or {}, json=body)
    assert joined.status_code == 200, joined.text
    told = await client.get(f"{EVENTS}queue/data", params={SESSION: session})
    said = [json.loads(line[6:]) for line in told.text.splitlines() if line.startswith("data: ")]
    parts = [one["output"].get("data", one["output"]) for one in said if "output" in one]
    assert parts, told.text
    return json.dumps(parts)


def test_every_handler_is_met(two: Two) -> None:
    names = [one.fn.__qualname__ for _, one in handlers(two.world)]
    assert len(names) > 25, names
    assert {"History.act", "Browsing.open", "ArenaPage.act", "Export.show"} <= set(names)
    assert {"delete", "open", "pick", "retry", "go-on", "judge-direct"} <= set(actions())


def takes_id(one: Any) -> bool:
    """Whether there is a way to name a thing to it: a button, a text, the page's address."""
    kinds = {part.get_block_name() for part in one.inputs}
    return takes_event(one) or "textbox" in kinds or "load" in str(one.fn.__qualname__)


async def asked_of(two: Two, number: int, one: Any, session: str, target: UUID) -> str:
    """Everything that this handler can be asked about one id."""
    said = []
    if takes_event(one):
        for action in actions():
            event = {"action": action, "value": str(target)}
            said.append(await run(two.ben, number, values(one, ""), session=session, event=event))
    else:
        data = values(one, str(target))
        query = dict.fromkeys(QUERIES, str(target))
        said.append(await run(two.ben, number, data, session=session))
        if "load" in str(one.fn.__qualname__):
            said += [
                await run(two.ben, number, data, session=session, query={name: value})
                for name, value in query.items()
            ]
    return "\n".join(said)


async def test_no_handler_gives_or_takes_what_is_hers(two: Two, figure: Figures) -> None:
    asked = 0
    nobody = gone(two.ann)
    open_page = next(n for n, one in handlers(two.world) if one.fn.__qualname__ == "Browsing.load")
    for number, one in sorted(handlers(two.world), key=lambda pair: pair[1].fn.__qualname__ in OWN):
        if one.fn.__qualname__ in ENDLESS:
            continue
        pairs = list(zip(two.ann.ids, nobody.ids, strict=True))
        for hers, lost in pairs if takes_id(one) else pairs[:1]:
            answers = []
            for target in (hers, lost):
                session = uuid4().hex[:10]
                here = {"c": str(two.his.conversation)}
                await run(two.ben, open_page, [None], session=session, query=here)
                answer = await asked_of(two, number, one, session, target)
                asked += answer.count("\n") + 1
                assert SECRET not in answer, (one.fn.__qualname__, target)
                answers.append(plain(alike(answer, two.ann, nobody)))
            if one.fn.__qualname__ not in OWN:
                assert answers[0] == answers[1], (one.fn.__qualname__, hers)
    assert await two.unharmed()
    figure("security.handlers", asked, "calls, 0 leaks, 0 rows changed")


ENDLESS: Final = frozenset({"Talking.watch"})
"""Streams while something runs; what it may see is the view that the other handlers have filled."""


OWN: Final = frozenset({"Talking.send", "ArenaPage.create", "Browsing.delete", "Export.show"})
"""These take words and no ids, and three of them change what is his: two answers differ by that.
They are asked last, and what they answer is searched all the same.
"""


def plain(text: str) -> str:
    """Without times, and what counts up."""
    return re.sub(r"\d+", "N", re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text))


async def test_her_open_page_is_nobody_elses(two: Two, figure: Figures) -> None:
    """Gradio knows a page by an id of the browser's own making. Knowing it is no right."""
    open_page = next(n for n, one in handlers(two.world) if one.fn.__qualname__ == "Browsing.load")
    async with two.world.visitor() as ann:
        await ann.get("/config")
        await run(ann, open_page, [None], session="her-page", query={})
        body = {"data": [None], "fn_index": open_page, SESSION: "her-page"}
        tries = [
            await two.ben.post(f"{EVENTS}queue/join", json=body),
            await two.ben.get(f"{EVENTS}queue/data", params={SESSION: "her-page"}),
            await two.ben.get(f"{EVENTS}heartbeat/her-page"),
            await two.ben.get(f"{EVENTS}heartbeat/her-page/"),
            await two.ben.post(f"{EVENTS}cancel", json={SESSION: "her-page", "fn_index": 1,
                                                        "event_id": "x"}),
            await two.ben.get(f"{EVENTS}queue/data", params=[(SESSION, "mine"),
                                                             (SESSION, "her-page")]),
        ]  # fmt: skip
        assert [one.status_code for one in tries] == [404] * len(tries)
        figure("security.page", len(tries), "ways tried, all as one that is not there")
        await run(ann, open_page, [None], session="her-page", query={})
