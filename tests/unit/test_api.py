"""The HTTP API over the scripted engine: turns as events, scores, health, errors in words."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from langchain_core.messages import BaseMessage

from chat import api
from chat.engines.scripted import Line, Output, ScriptedEngine
from chat.engines.scripted_demo import Demo
from chat.services import Services
from chat.serving import Serving
from chat.session import Session
from chat.settings import EngineName, Settings
from chat.store import ReplyStatus, Store
from perm import rubrics
from perm.types import EngineError, EngineFault, Perspective

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SECRET = "I stole the blue bicycle"
TURN = {"persona": "a nurse", "scenario": "After work.", "message": "My boss laughed at me."}
KEPT = {"consents": {"keep": True}}
RECORD = {
    "persona": {"identity": "a nurse"},
    "scenario": "After work.",
    "dialogue": ["My boss laughed at me."],
    "completion": "# Analysis\nThey are ashamed.\n\n# Response\nThat hurts. Who else was there?",
}


def settings_in(folder: Path, **changes: Any) -> Settings:
    return Settings(
        engine=EngineName.SCRIPTED,
        database_url=f"sqlite:///{folder / 'test.db'}",
        data_dir=folder,
        prompts_dir=ROOT / "prompts",
        **changes,
    )


@asynccontextmanager
async def services_with(engine: ScriptedEngine, settings: Settings) -> AsyncIterator[Services]:
    prompts = rubrics.load(settings.prompts_dir)
    kept = await Store.open(settings.database, data_dir=settings.data_dir)
    unkept = await Store.open("sqlite:///:memory:")
    session = Session(Serving.compose(settings, prompts, engine, engine), kept, unkept)
    services = Services(settings, prompts, engine, engine, kept, session)
    await engine.start()
    try:
        yield services
    finally:
        await services.stop()


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    engine = ScriptedEngine.demo(rubrics.load(ROOT / "prompts"), pace=0)
    async with services_with(engine, settings_in(tmp_path)) as found:
        yield found


def owner_of(request: Request) -> str:
    return request.headers.get("x-owner", "ann")


def app_of(services: Services) -> FastAPI:
    app = FastAPI()
    app.include_router(api.router(services, owner_of))
    api.handle_errors(app)
    return app


def client_of(services: Services, owner: str = "ann") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_of(services), raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://perm", headers={"x-owner": owner}
    )


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream, as a browser's EventSource reads them."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def take(client: httpx.AsyncClient, **body: Any) -> list[tuple[str, dict[str, Any]]]:
    answer = await client.post("/api/turns", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.text)


def error_of(answer: httpx.Response) -> dict[str, str]:
    error: dict[str, str] = answer.json()["error"]
    assert set(error) == {"part", "what", "todo"}
    assert error["what"]
    return error


# Turns


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


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


async def test_events_come_as_they_happen_and_hanging_up_ends_no_turn(tmp_path: Path) -> None:
    demo = Demo(rubrics.load(ROOT / "prompts"), pace=0)
    hold = asyncio.Event()

    async def held(messages: Sequence[BaseMessage]) -> Line:
        await hold.wait()
        return demo(messages)

    async with (
        services_with(ScriptedEngine(held), settings_in(tmp_path)) as services,
        served(app_of(services)) as url,
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


# Scores


async def test_one_record_gets_one_answer_and_a_list_gets_a_list(services: Services) -> None:
    parts = {**RECORD, "id": "b", "analysis": "They hurt.", "response": "I see. Why you?"}
    del parts["completion"]
    async with client_of(services) as client:
        one = (await client.post("/api/score", json=RECORD)).json()
        many = (await client.post("/api/score", json=[RECORD, parts])).json()
    assert one["id"] is None
    assert [line["id"] for line in many] == [None, "b"]
    for line in (one, *many):
        for perspective in Perspective:
            assert line[perspective.value]["status"] == "scored"
        assert set(line["bystander"]["parts"]) >= {"effectiveness", "accuracy"}
        assert set(line["reward"]) >= {"empathy", "bystander", "length", "total"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({**RECORD, "completion": None}, "completion"),
        ([RECORD, {**RECORD, "scenario": None, "note": SECRET}], "Record 2: scenario"),
        ([], "0 records"),
        ([RECORD] * 101, "101 records"),
        (SECRET, "object"),
    ],
)
async def test_a_record_that_cannot_be_scored_is_refused_in_words(
    services: Services, body: object, word: str
) -> None:
    async with client_of(services) as client:
        answer = await client.post("/api/score", json=body)
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["part"] == "input"
    assert word in error["what"]
    assert SECRET not in answer.text


# Health and the rest


async def test_health_names_every_part(services: Services) -> None:
    await services.supporter.ready()
    async with client_of(services) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 200
    found = answer.json()
    assert found["ready"] is True
    assert found["engine"]["name"] == found["judge"]["name"] == "scripted"
    assert found["engine"]["detail"] == "scripted: not a real judge"
    assert found["store"]["name"].startswith("SQLite")


async def test_health_is_503_while_a_part_is_not_ready(tmp_path: Path) -> None:
    engine, settings = ScriptedEngine(start_seconds=60), settings_in(tmp_path)
    async with services_with(engine, settings) as services, client_of(services) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 503
    found = answer.json()
    assert (found["ready"], found["engine"]["phase"], found["store"]["ready"]) == (
        *(False, "starting"),
        True,
    )


async def test_scores_without_an_engine_are_503(tmp_path: Path) -> None:
    down = EngineError(EngineFault.NOT_READY, "There is no memory left.", "Close something.")
    engine, settings = ScriptedEngine(start_failure=down), settings_in(tmp_path)
    async with services_with(engine, settings) as services, client_of(services) as client:
        answer = await client.post("/api/score", json=RECORD)
    assert answer.status_code == 503
    assert error_of(answer) == {
        "part": "engine",
        "what": "There is no memory left.",
        "todo": "Close something.",
    }


async def test_unknown_addresses_methods_and_faults_are_json_too(services: Services) -> None:
    app = app_of(services)

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError(SECRET)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://perm") as client:
        answers = [
            await client.get("/api/nothing"),
            await client.get("/api/turns"),
            await client.get("/broken"),
        ]
    assert [answer.status_code for answer in answers] == [404, 404, 500]
    for answer in answers:
        error_of(answer)
        assert SECRET not in answer.text
