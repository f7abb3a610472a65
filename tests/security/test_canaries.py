"""A key and sentences that must not get out, through a real app whose model fails in every way.

Afterwards every file that the app has written, its log and all that it answered are searched.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tests.conftest import Figures
from tests.security.world import text_of
from tests.support.app import ROOT, App, running_app
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.security

KEY: Final = "sk-canary-9b1f4e77"
KEPT: Final = "canaryheron kept"
UNKEPT: Final = "canaryheron unkept"
WORD: Final = "canaryheron"
KEEP: Final = {"keep": True, "research": True, "train": True}
FAULTS: Final = ("", "rate_limited", "server", "garbage", "cut_off", "request", "unauthorised")
"""What the model does in one turn after another; the first one goes well, and a key that is refused
may end the engine."""


class Failing(ScriptedServer):
    """Does what `fault` says, and quotes what it was sent, as careless servers do."""

    fault = ""

    async def complete(self, request: Request) -> Response:
        body = await request.body()
        told = {"error": {"message": f"{request.headers['authorization']} {body.decode()}"}}
        codes = {"unauthorised": 401, "rate_limited": 429, "server": 500, "request": 400}
        if self.fault in codes:
            return JSONResponse(told, codes[self.fault], headers={"retry-after": "0"})
        if self.fault == "garbage":
            return Response(f"<html>{body.decode()}</html>", media_type="text/html")
        if self.fault == "cut_off":
            return StreamingResponse(_cut(), media_type="text/event-stream")
        return await super().complete(request)


async def _cut() -> Any:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    delta = {"index": 0, "delta": {"content": "# Analysis\nThey"}, "finish_reason": None}
    yield f"data: {json.dumps({**head, 'choices': [delta]})}\n\n".encode()
    raise ConnectionError("cut")


@contextmanager
def model() -> Iterator[Failing]:
    """The server in a thread of its own."""
    server = Failing(lambda _: "# Analysis\nThey are sad.\n\n# Response\nThat is hard.", key=KEY)
    ready, end = threading.Event(), threading.Event()

    async def serve() -> None:
        async with running(server):
            ready.set()
            await asyncio.to_thread(end.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield server
    finally:
        end.set()
        thread.join(30)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, list[str]]]:
    """The app after it all has ended, and everything that it has answered."""
    home = tmp_path_factory.mktemp("canary")
    (home / "tmp").mkdir()
    answers: list[str] = []
    patch = pytest.MonkeyPatch()
    patch.setenv("TMPDIR", str(home / "tmp"))
    with model() as server:
        (home / "perm-chat.toml").write_text(
            f'api_key = "{KEY}"\nbase_url = "{server.url}"\nlog_level = "debug"\n'
            "judge_retries = 0\nturns_per_minute = 1000\n"
        )
        with running_app(home, "--engine", "openai", "--model", server.model_name) as app:
            with httpx.Client(base_url=app.url, timeout=120, trust_env=False) as client:
                answers += everything(client, server)
            command = [sys.executable, str(ROOT / "app.py"), "--help"]
            answers += [doctor(home, app), subprocess.run(
                command, cwd=home, capture_output=True, text=True, check=True).stdout]  # fmt: skip
    patch.undo()
    answers.append(doctor(home, app))  # the model is gone now
    yield app, answers


def everything(client: httpx.Client, server: Failing) -> list[str]:
    answers = [client.get("/").text]
    while client.get("/healthz").status_code != 200:
        client.get("/")  # it is asked again at once: what it waits for is another process
    for fault in FAULTS:
        server.fault = fault
        for words, consents in ((KEPT, KEEP), (UNKEPT, {})):
            body = {"message": f"{words} {fault}", "persona": words, "scenario": words,
                    "consents": consents}  # fmt: skip
            told = client.post("/api/turns", json=body).text
            assert ("turn_failed" in told) is bool(fault), (fault, told)
            answers.append(told)
            answers.append(client.post("/api/score", json={
                "persona": words, "scenario": words, "dialogue": [words], "analysis": words,
                "response": words}).text)  # fmt: skip
    answers += [
        client.post("/api/turns", json={"message": [UNKEPT], "persona": {"x": UNKEPT}}).text,
        client.post("/api/turns", content=f'{{"message": "{UNKEPT}'.encode()).text,
        client.post("/api/turns", json={"message": UNKEPT * 5000}).text,
        client.post("/api/score", json={"persona": 1, "dialogue": UNKEPT}).text,
        client.post("/gradio_api/queue/join", json={"data": [UNKEPT], "session_hash": "s"}).text,
        client.get("/api/models").text,
        client.get("/healthz").text,
        client.get("/metrics").text,
    ]
    for name in ("scores", "sft", "grpo"):
        answers.append(text_of(client.get("/api/export", params={"format": name})))
    return answers


def doctor(home: Path, app: App) -> str:
    command = [sys.executable, "-m", "chat.cli", "doctor", "--config", str(home / "perm-chat.toml"),
               "--engine", "openai", "--data-dir", str(app.data)]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert "Python" in done.stdout, done.stderr
    return done.stdout + done.stderr


def files(app: App) -> dict[Path, bytes]:
    home = app.log.parent
    return {
        path.relative_to(home): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.name != "perm-chat.toml"  # where a person has put the key
    }


def test_the_test_reaches_what_it_searches(told: tuple[App, list[str]]) -> None:
    app, answers = told
    assert len(files(app)) >= 2
    assert app.log.stat().st_size > 0
    with sqlite3.connect(app.database) as database:
        count = "SELECT status, count(*) FROM reply GROUP BY status"
        statuses = dict(database.execute(count).fetchall())
    assert statuses.pop("complete") >= 1
    assert sum(statuses.values()) >= 4, "the others failed"
    assert KEPT.encode() in app.database.read_bytes(), "what is kept is there in plain text"
    assert any("turn_ended" in one for one in answers)


def test_the_key_is_in_no_file_and_in_no_answer(
    told: tuple[App, list[str]], figure: Figures
) -> None:
    app, answers = told
    holding = [str(path) for path, held in files(app).items() if KEY.encode() in held]
    holding += [one[:200] for one in answers if KEY in one]
    assert holding == []
    where = f"times in {len(files(app))} files and {len(answers)} answers"
    figure("security.key", len(holding), where)


def test_what_was_said_is_in_no_log(told: tuple[App, list[str]], figure: Figures) -> None:
    app, _ = told
    found = [line for line in app.log.read_text("utf-8").splitlines() if WORD in line]
    assert found == []
    lines = len(app.log.read_text("utf-8").splitlines())
    figure("security.log", len(found), f"times in {lines:,} lines")


def test_what_is_kept_is_in_the_database_alone(told: tuple[App, list[str]]) -> None:
    app, _ = told
    where = {path for path, held in files(app).items() if KEPT.encode() in held}
    assert {path.name.removesuffix("-wal").removesuffix("-shm") for path in where} == {
        app.database.name
    }


def test_what_is_not_kept_is_in_no_file(told: tuple[App, list[str]]) -> None:
    app, _ = told
    assert [path for path, held in files(app).items() if UNKEPT.encode() in held] == []


def test_no_answer_quotes_what_it_could_not_read(told: tuple[App, list[str]]) -> None:
    _, answers = told
    errors = [one for one in answers if one.startswith('{"error"')]
    assert errors
    assert [one for one in errors if WORD in one] == []


def test_nothing_is_left_in_the_folder_for_temporary_files(told: tuple[App, list[str]]) -> None:
    app, _ = told
    left = [p for p in (app.log.parent / "tmp").rglob("*") if p.is_file()]
    assert [path.name for path in left] == []


def test_a_conversation_that_leaves_no_trace_changes_no_file(
    tmp_path: Path, figure: Figures
) -> None:
    with running_app(tmp_path, "--scripted-pace", "0") as app:

        def state() -> dict[str, str]:
            found = {path: held for path, held in files(app).items() if path.name != app.log.name}
            return {str(path): hashlib.sha256(held).hexdigest() for path, held in found.items()}

        with httpx.Client(base_url=app.url, timeout=60, trust_env=False) as client:
            client.get("/healthz")
            before = state()
            said = client.post("/api/turns", json={"message": UNKEPT, "candidates": 2}).text
            assert "turn_ended" in said
            place = json.loads(said.split("data: ", 1)[1].split("\n", 1)[0])["conversation_id"]
            again = {"message": UNKEPT, "conversation_id": place}
            assert "turn_ended" in client.post("/api/turns", json=again).text
            changed = set(before.items()) ^ set(state().items())
    assert changed == set()
    assert not any(UNKEPT.encode() in held for held in files(app).values())
    told = f"of {len(before)} files changed by two turns and three replies"
    figure("security.no-trace", len(changed), told)
