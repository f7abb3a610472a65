"""The whole app in this process, with two people in it: gate, API, Gradio's pages, rating links.

What Ann has said carries a word of hers, in every field; whatever reaches Ben is searched for it.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import gradio as gr
import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute

from app import build
from chat import ui
from chat.engines.scripted import ScriptedEngine
from chat.services import Services
from chat.settings import ROOT, EngineName, Settings
from chat.store import FeedbackInput
from chat.store.found import Remarks
from chat.store.records import Consents
from chat.store.study_records import Choice, Contestant, NewStudy, NewVote, StudyKind, StudyPrompt
from perm import rubrics
from tests.store.samples import COMPLETE, NEW_REPLY
from tests.support.api import services_with

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

SECRET: Final = "zebrafinch"
PAGES: Final = ("/", "/history", "/arena", "/insights", "/export")


@dataclass(frozen=True)
class Belongings:
    """What one owner has, by id; `ids` is all of it."""

    conversation: UUID
    turn: UUID
    reply: UUID
    study: UUID
    comparison: UUID
    study_token: str
    invitation_token: str

    @property
    def ids(self) -> tuple[UUID, ...]:
        return self.conversation, self.turn, self.reply, self.study, self.comparison


class World:
    def __init__(self, app: FastAPI, services: Services) -> None:
        self.app, self.services = app, services

    @property
    def blocks(self) -> Any:
        """Gradio's."""
        return next(r.app.get_blocks() for r in self.app.routes if _is_gradio(r))  # type: ignore[attr-defined]

    @asynccontextmanager
    async def visitor(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A browser of its own."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:7860", headers=headers
        ) as client:
            yield client

    async def owner(self, client: httpx.AsyncClient) -> str:
        """Whose this browser is: read off a conversation that it began."""
        before = set(await self.services.session.unkept.owners())
        answer = await client.post("/api/turns", json={"message": "Hello, it is me."})
        assert answer.status_code == 200, answer.text
        [found] = set(await self.services.session.unkept.owners()) - before
        return found


def _no_pages(*_: object, **__: object) -> gr.Blocks:
    return gr.Blocks(analytics_enabled=False)


def _is_gradio(route: BaseRoute) -> bool:
    return hasattr(getattr(route, "app", None), "get_blocks")


def settings_in(folder: Path, **changes: Any) -> Settings:
    known = {"turns_per_minute": 10_000, "requests_per_minute": 0, **changes}
    return Settings(
        engine=EngineName.SCRIPTED,
        database_url=f"sqlite:///{folder / 'test.db'}",
        data_dir=folder,
        prompts_dir=ROOT / "prompts",
        **known,
    )


@asynccontextmanager
async def world_in(folder: Path, *, pages: bool = True, **changes: Any) -> AsyncIterator[World]:
    """`pages`: False leaves Gradio's empty, which takes seconds off."""
    engine = ScriptedEngine.demo(rubrics.load(ROOT / "prompts"), pace=0)
    async with services_with(engine, settings_in(folder, **changes)) as services:
        with nullcontext() if pages else patch.object(ui, "build_pages", _no_pages):
            app = build(services)
        async with app.router.lifespan_context(app):  # starts the queue of Gradio's events
            yield World(app, services)


async def belongings(world: World, owner: str, word: str = SECRET) -> Belongings:
    """A kept conversation with everything that can hang on one, a study, and both kinds of link."""
    session, store = world.services.session, world.services.store
    keep = Consents(keep=True, research=True, train=True)
    place = await session.begin(owner, f"persona {word}", f"scenario {word}", keep)
    [_ async for _ in session.run_turn(owner, place.id, f"message {word}")]
    await session.rename(owner, place.id, f"title {word}")
    await session.save_remarks(owner, place.id, Remarks(tags=(f"tag {word}",), note=f"note {word}"))
    [turn] = await session.path(owner, place.id)
    reply = turn.chosen
    assert reply is not None
    said = FeedbackInput(thumb=1, better=f"better {word}", comment=f"comment {word}")
    await session.save_feedback(owner, reply.id, said)
    invitation = await session.invite(owner, place.id, with_analysis=True)
    one = Contestant(name=f"one {word}", model="scripted", prompt_hash="h")
    study = await store.studies.create(
        owner,
        NewStudy(name=f"study {word}", kind=StudyKind.OWN, a=one, b=one),
        [StudyPrompt(persona="", scenario="", message=f"prompt {word}")],
    )
    [item] = await store.studies.items(owner, study.id)
    asked = await store.add_turn(owner, item.conversation_id, f"prompt {word}", None)
    pair = [await _answered(world, owner, asked.id, word) for _ in range(2)]
    await store.studies.set_replies(owner, item.id, *pair)
    await store.studies.join(study.token, owner)
    sheet = await store.studies.next_sheet(study.token, owner)
    assert sheet is not None
    vote = NewVote(choice=Choice.TIE, margin=None, why=f"why {word}")
    await store.studies.save_vote(study.token, owner, sheet.comparison_id, vote)
    return Belongings(
        place.id, turn.id, reply.id, study.id, sheet.comparison_id, study.token, invitation.token
    )


async def _answered(world: World, owner: str, turn_id: UUID, word: str) -> UUID:
    store = world.services.store
    reply = await store.add_reply(owner, turn_id, NEW_REPLY)
    said = {"raw": word, "analysis": word, "response": word}
    await store.update_reply(owner, reply.id, COMPLETE.model_copy(update=said))
    return reply.id


def text_of(answer: httpx.Response) -> str:
    """What an answer says, a ZIP's files too."""
    if not answer.content.startswith(b"PK"):
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        return "\n".join(packed.read(name).decode("utf-8") for name in packed.namelist())


def leaves(routes: list[BaseRoute], before: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path that the app answers to, whoever has put it there."""
    for route in routes:
        path = before + str(getattr(route, "path", ""))
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from leaves(inner.routes, before)
        below = getattr(route, "routes", None)
        if below:
            yield from leaves(below, path)
        for method in sorted(getattr(route, "methods", None) or ()):
            yield method, path
