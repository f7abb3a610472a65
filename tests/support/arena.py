"""An arena over a real store and a scripted engine, and raters who come over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest
from fastapi import FastAPI

from chat.engines.scripted import ScriptedEngine
from chat.engines.scripted_model import Output
from chat.services import Services
from chat.serving import Serving
from chat.session import Session
from chat.settings import ROOT, EngineName, Scoring, Settings
from chat.store import Store
from chat.store.study_records import NewStudy, Study, StudyKind, StudyPrompt
from chat.ui.rating_pages.routes import rating_routes
from perm import rubrics
from perm.rubrics import supporter_prompt
from perm.types import Capabilities, Perspective

OWNER: Final = "olga"
MODEL: Final = "acme-warm-7b"
PROMPTS: Final = rubrics.load(ROOT / "prompts")
ANALYSIS: Final = "The secret notes of the supporter"
FAST: Final = Capabilities(
    assistant_prefix=True, context_tokens=4096, parallel=4, write_speed=500.0
)
OTHER_PROMPT: Final = supporter_prompt(
    PROMPTS.supporter.text.replace("warm and attentive", "short")
)


class World:
    """An arena over a real store and a scripted engine, and raters who come over HTTP."""

    def __init__(self, services: Services) -> None:
        self.services, self.arena = services, services.arena
        self.app = FastAPI()
        self.app.include_router(rating_routes(services, lambda asked: asked.headers["x-owner"]))

    @asynccontextmanager
    async def rater(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=self.app)
        headers = {"x-owner": name}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers, follow_redirects=True
        ) as client:
            yield client

    async def study(self, items: int = 3, kind: StudyKind = StudyKind.STUDY) -> Study:
        prompt = self.services.rubrics.supporter
        await self.arena.contestants.keep(OTHER_PROMPT)
        one = await self.arena.contestants.contestant(MODEL, prompt.hash)
        new = NewStudy(
            name="Warm against short",
            kind=kind,
            a=one,
            b=one.model_copy(update={"name": "Short", "prompt_hash": OTHER_PROMPT.hash}),
        )
        prompts = [
            StudyPrompt(persona="a nurse", message=f"I am tired, {n}.") for n in range(items)
        ]
        return await self.arena.create(OWNER, new, prompts)

    async def answered(self, study: Study) -> None:
        """Wait until everything that waits has been written."""
        while (worker := self.arena._worker) is not None and not worker.done():
            await worker
        for task in list(self.arena._running.values()):
            await task


def says(messages: list[object]) -> Output | str:
    system = str(messages[0].content)  # type: ignore[attr-defined]
    for perspective in Perspective:
        if system == PROMPTS[perspective].system:
            return "16, 16, 16, 16, 16" if perspective is Perspective.BYSTANDER else "4"
    who = "warm" if system == PROMPTS.supporter.system else "short"
    return f"# Analysis\n{ANALYSIS}\n\n# Response\nI am {MODEL}, by Alibaba Cloud. A {who} answer."


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await build(tmp_path, says)
    yield made
    await made.services.stop()


async def build(folder: Path, script: Callable[..., object], **settings: object) -> World:
    chosen = Settings(
        engine=EngineName.SCRIPTED,
        data_dir=folder,
        method=Scoring.DIRECT,
        **settings,  # type: ignore[arg-type]
    )
    engine = ScriptedEngine(script, model_name=MODEL, capabilities=FAST)  # type: ignore[arg-type]
    kept, unkept = await Store.open(chosen.database), await Store.open("sqlite:///:memory:")
    serving = Serving.compose(chosen, PROMPTS, engine, engine)
    session = Session(serving, kept, unkept)
    await engine.start()
    await kept.save_prompt(PROMPTS.supporter.hash, "supporter", PROMPTS.supporter.text)
    return World(Services(chosen, PROMPTS, engine, engine, kept, session))


def comparison_in(page: str) -> str:
    found = re.search(r'name="comparison" value="([0-9a-f-]{36})"', page)
    assert found is not None, page
    return found[1]


async def join(client: httpx.AsyncClient, study: Study) -> httpx.Response:
    return await client.post(f"/rate/{study.token}/join", data={"keep": "yes"})


async def vote(client: httpx.AsyncClient, study: Study, page: str, answer: str) -> httpx.Response:
    data = {"comparison": comparison_in(page), "answer": answer, "why": "It stays with me."}
    return await client.post(f"/rate/{study.token}/vote", data=data)
