"""Turns over the HTTP API: told as events, kept by consent, refused in words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from langchain_core.messages import BaseMessage

from chat.engines.scripted import Line, Output, ScriptedEngine
from chat.engines.scripted_demo import Demo
from chat.services import Services
from chat.store import ReplyStatus
from perm import rubrics
from perm.types import EngineError, EngineFault, Perspective
from tests.support.api import (
    KEPT,
    ROOT,
    SECRET,
    TURN,
    app_of,
    client_of,
    error_of,
    events,
    services,
    services_with,
    settings_in,
    take,
)
from tests.support.serving import serving

__all__ = ["services"]

pytestmark = pytest.mark.unit


async def test_a_turn_is_told_event_by_event(services: Services) -> None:
    async with client_of(services) as client:
        told = await take(client, **TURN)
    names = [name for name, _ in told]
    assert names[0] == "turn_saved"
    assert names[-1] == "turn_ended"
    UUID(told[0][1]["conversation_id"])
    landed = [data["verdict"] for name, data in told if name == "verdict_landed"]
    assert {verdict["perspective"] for verdict in landed} == set(Perspective)
    provisional = [place for place, name in enumerate(names) if name == "provisional_score"]
    assert provisional, "the demo is fast enough for scores while it writes"
    assert max(provisional) < names.index("reply_done")
    (done,) = (data for name, data in told if name == "reply_done")
    said = "".join(data["text"] for name, data in told if name == "response_delta")
    assert said.strip() == done["response"].strip() != ""
    (reward,) = (data["reward"] for name, data in told if name == "reward_ready")
    assert reward["total"] == pytest.approx(reward["empathy"] + reward["bystander"])
    assert all(data["event"] == name for name, data in told)


async def test_a_conversation_goes_on_by_its_id(services: Services) -> None:
    async with client_of(services) as client:
        first = await take(client, **TURN, **KEPT)
        place = first[0][1]["conversation_id"]
        second = await take(client, conversation_id=place, message="And then they all left.")
    assert (second[0][1]["conversation_id"], second[0][1]["number"]) == (place, 2)
    kept = await services.store.path("ann", UUID(place))
    assert [turn.message for turn in kept] == [TURN["message"], "And then they all left."]


async def test_candidates_are_asked_for_and_one_of_them_is_picked(services: Services) -> None:
    async with client_of(services) as client, client_of(services, "ben") as other:
        told = await take(client, **TURN, **KEPT, candidates=3)
        saved = [data for name, data in told if name == "turn_saved"]
        ids = [data["reply_id"] for data in saved]
        assert len(set(ids)) == 3
        done = [data["reply_id"] for name, data in told if name == "reply_done"]
        assert sorted(done) == sorted(ids)
        address = f"/api/turns/{saved[0]['turn_id']}/pick"
        assert (await other.post(address, json={})).status_code == 404
        assert (await client.post(address, json={"reply_id": str(uuid4())})).status_code == 404
        picked = await client.post(address, json={"reply_id": ids[1]})
        assert picked.json() == {"reply_id": ids[1]}
        best = (await client.post(address, json={})).json()["reply_id"]
        totals = {
            data["reply_id"]: data["reward"]["total"]
            for name, data in told
            if name == "reward_ready"
        }
        assert totals[best] == max(totals.values())
        refused = await client.post("/api/turns", json={**TURN, "candidates": 9})
        assert refused.status_code == 422
    [turn] = await services.store.path("ann", UUID(saved[0]["conversation_id"]))
    assert turn.chosen is not None
    assert str(turn.chosen.id) == best
    assert turn.chosen.picked_by == "reward"


async def test_without_consent_nothing_is_kept(services: Services) -> None:
    async with client_of(services) as client:
        told = await take(client, **TURN)
    assert await services.store.conversations("ann") == []
    place = UUID(told[0][1]["conversation_id"])
    assert (await services.session.conversation("ann", place)).consents.keep is False


async def test_a_foreign_conversation_and_a_missing_one_give_one_answer(
    services: Services,
) -> None:
    async with client_of(services) as ann, client_of(services, "bob") as bob:
        place = (await take(ann, **TURN, **KEPT))[0][1]["conversation_id"]
        foreign = await bob.post("/api/turns", json={"conversation_id": place, "message": "Hi"})
        missing = await bob.post(
            "/api/turns", json={"conversation_id": str(uuid4()), "message": "Hi"}
        )
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 422, "message"),
        ({"message": 7}, 422, "message"),
        ({"message": SECRET, "conversation_id": "x"}, 422, "conversation_id"),
        ({"message": SECRET, "mesage": SECRET}, 422, "mesage"),
        ({"message": "  "}, 400, "empty"),
        ({"message": SECRET * 1000}, 400, "characters"),
        ({"message": "Hi", "persona": SECRET * 1000}, 400, "persona"),
        ({"message": "Hi", "persona": "p", "conversation_id": str(uuid4())}, 400, "persona"),
    ],
)
async def test_what_cannot_be_taken_is_said_in_words_without_its_content(
    services: Services, body: dict[str, Any], status: int, word: str
) -> None:
    async with client_of(services) as client:
        answer = await client.post("/api/turns", json=body)
    assert answer.status_code == status
    error = error_of(answer)
    assert error["part"] == "input"
    assert word in error["what"]
    assert SECRET not in answer.text


async def test_a_body_that_is_no_json_is_refused_in_words(services: Services) -> None:
    async with client_of(services) as client:
        answer = await client.post(
            "/api/turns", content="{no", headers={"content-type": "application/json"}
        )
    assert answer.status_code == 422
    assert error_of(answer)["part"] == "input"


async def test_a_refused_first_turn_leaves_no_empty_conversation(tmp_path: Path) -> None:
    engine = ScriptedEngine.demo(rubrics.load(ROOT / "prompts"), pace=0)
    settings = settings_in(tmp_path, turns_per_minute=1)
    async with services_with(engine, settings) as services, client_of(services) as client:
        await take(client, **TURN, **KEPT)
        refused = await client.post("/api/turns", json={**TURN, **KEPT})
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert "minute" in error_of(refused)["what"]
        assert len(await services.store.conversations("ann")) == 1


async def test_an_engine_that_fails_is_told_in_the_stream(tmp_path: Path) -> None:
    cut = EngineError(EngineFault.CUT_OFF, "The model broke off.", "Try again.")
    broken = Output(text="# Analysis\nx\n\n# Response\nI", failure=cut, fails_after=3)
    engine, settings = ScriptedEngine([broken]), settings_in(tmp_path)
    async with services_with(engine, settings) as services, client_of(services) as client:
        told = dict(await take(client, **TURN))
    assert told["turn_saved"]
    assert told["turn_failed"]["saved"] is True
    assert told["turn_failed"]["what"] == "The model broke off."
    assert told["reply_done"]["status"] == "incomplete"


async def test_events_come_as_they_happen_and_hanging_up_ends_no_turn(tmp_path: Path) -> None:
    demo = Demo(rubrics.load(ROOT / "prompts"), pace=0)
    hold = asyncio.Event()

    async def held(messages: Sequence[BaseMessage]) -> Line:
        await hold.wait()
        return demo(messages)

    async with (
        services_with(ScriptedEngine(held), settings_in(tmp_path)) as services,
        serving(app_of(services)) as url,
        httpx.AsyncClient() as client,
    ):
        body = {**TURN, **KEPT}
        async with client.stream("POST", f"{url}/api/turns", json=body) as stream:
            first = await anext(stream.aiter_text())
        place = UUID(events(first)[0][1]["conversation_id"])
        hold.set()  # the reader is gone before the first token
        for _ in range(200):
            (turn,) = await services.store.path("ann", place)
            if turn.chosen is not None and turn.chosen.reward is not None:
                break
            await asyncio.sleep(0.02)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.COMPLETE
    assert len(turn.chosen.binding) == 4
    assert turn.chosen.reward is not None
