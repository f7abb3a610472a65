"""What llama.cpp's server is told about a reply: where it is written, and how it is drawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from chat import engines
from chat.engines.llama_cpp_chat import CHAT_SLOT, SLOTS, LlamaCppChatModel
from chat.serving import Serving
from chat.settings import EngineName, Settings
from perm import rubrics
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit


@asynccontextmanager
async def at_a_server() -> AsyncIterator[tuple[LlamaCppChatModel, ScriptedServer]]:
    async with running(ScriptedServer(lambda _: "Yes.")) as server:
        model = LlamaCppChatModel.at(server.url, "k", "m", server="The server", patience=5.0)
        yield model, server
        await model.close()


async def read(model: LlamaCppChatModel, message: str) -> None:
    async for _ in model.astream(message):
        pass


async def test_replies_have_a_slot_of_their_own() -> None:
    async with at_a_server() as (model, server):
        await read(model, "One.")
        await asyncio.gather(read(model, "Two."), read(model, "Beside it."))
        await read(model, "Three.")
    slots = [body.get("id_slot") for body in server.requests]
    assert slots[0] == slots[3] == CHAT_SLOT
    assert sorted(slots[1:3], key=str) == [CHAT_SLOT, None], "one waits for no other reply"


async def test_each_rubric_has_its_slot_and_none_that_of_replies() -> None:
    rubrics = [SystemMessage(f"You rate {number}.") for number in range(SLOTS)]
    async with at_a_server() as (model, server):
        for rubric in [*rubrics, *rubrics]:
            await model.ainvoke([rubric, HumanMessage("A turn.")])
    slots = [body["id_slot"] for body in server.requests]
    assert slots == [1, 2, 3, 4, 1] * 2


async def test_a_judgement_tells_its_progress_so_that_giving_it_up_is_noticed() -> None:
    async with at_a_server() as (model, server):
        answer = await model.ainvoke([SystemMessage("You rate."), HumanMessage("A turn.")])
        await read(model, "A message.")
    judged, replied = server.requests
    assert (judged["stream"], judged["return_progress"]) == (True, True)
    assert "return_progress" not in replied, "a reply says something at each word"
    assert answer.text == "Yes.", "put together again"


def test_repeating_itself_is_made_unlikely_and_is_kept_with_the_reply(tmp_path: Path) -> None:
    settings = Settings(engine=EngineName.LLAMA_CPP, data_dir=tmp_path)
    engine = engines.build(settings, "supporter")
    serving = Serving.compose(settings, rubrics.load(settings.prompts_dir), engine, engine)
    assert serving.sampling["temperature"] == settings.temperature
    assert serving.sampling["extra_body"]["dry_multiplier"] > 0
    assert all(one.sampling == serving.sampling for one in serving.voices(None, 1))
