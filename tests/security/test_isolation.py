"""Ann and Ben: nothing of hers reaches him, and what is hers and what is not there are one to him.

What there is to ask for is read off the app itself: its routes here, the handlers of Gradio's pages
in test_isolation_of_pages.py. A new one that nothing speaks of fails the test.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import uuid4

import pytest

from chat.web import EVENTS, HIDDEN, USED
from tests.conftest import Figures
from tests.security.two import QUERIES, Two, alike, filled, gone, two
from tests.security.world import SECRET, leaves, text_of

__all__ = ["two"]

pytestmark = pytest.mark.security

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
