"""No handler of a page gives Ben what is Ann's, takes it from her, or tells whether it is there.

What there is to ask is read off the app itself: Gradio's handlers, and every button's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest

from chat.settings import ROOT
from chat.web import EVENTS
from tests.conftest import Figures
from tests.security.two import QUERIES, Two, alike, gone, two
from tests.security.world import SECRET, World

__all__ = ["two"]

pytestmark = pytest.mark.security

SESSION: Final = "session_hash"


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
