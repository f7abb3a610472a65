"""What llama.cpp's server is told about a reply: where it is written, and how it is drawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chat import engines
from chat.engines.llama_cpp_chat import CHAT_SLOT, SLOTS, LlamaCppChatModel
from chat.engines.scripted import Script
from chat.engines.scripted_model import Output
from chat.serving import Serving
from chat.settings import EngineName, Settings
from perm import rubrics
from tests.support.openai_server import ScriptedServer, running
from tests.support.waiting import until

pytestmark = pytest.mark.unit


@asynccontextmanager
async def at_a_server(
    script: Script = lambda _: "Yes.",
) -> AsyncIterator[tuple[LlamaCppChatModel, ScriptedServer]]:
    async with running(ScriptedServer(script)) as server:
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


async def test_prompts_of_judgements_are_read_one_after_another_and_written_beside() -> None:
    read_through = asyncio.Event()

    async def say(_: Sequence[BaseMessage]) -> Output:
        await read_through.wait()
        return Output(text="Yes, it is so, and so it is.", pace=0.1)

    async with at_a_server(say) as (model, server):
        judged = [asyncio.create_task(model.ainvoke(f"Rate {number}.")) for number in range(3)]
        await until(lambda: len(server.requests) == 1)
        await asyncio.sleep(0.1)
        assert len(server.requests) == 1, "the others wait here, where they can be called back"
        judged.pop().cancel()
        read_through.set()
        await until(lambda: len(server.requests) == 2)
        assert not judged[0].done(), "it is being written meanwhile"
        await asyncio.gather(*judged)
    assert len(server.requests) == 2


async def test_a_message_does_not_wait_for_the_reading_of_a_judgement() -> None:
    async def say(messages: Sequence[BaseMessage]) -> Output:
        return Output(text="Yes.", delay=0.0 if messages[0].text == "A message." else 60.0)

    async with at_a_server(say) as (model, server):
        judged = asyncio.create_task(model.ainvoke("Rate it."))
        await until(lambda: len(server.requests) == 1)
        await asyncio.wait_for(read(model, "A message."), 5)
        judged.cancel()


def test_repeating_itself_is_made_unlikely_and_is_kept_with_the_reply(tmp_path: Path) -> None:
    settings = Settings(engine=EngineName.LLAMA_CPP, data_dir=tmp_path)
    engine = engines.build(settings, "supporter")
    serving = Serving.compose(settings, rubrics.load(settings.prompts_dir), engine, engine)
    assert serving.sampling["temperature"] == settings.temperature
    assert serving.sampling["extra_body"]["dry_multiplier"] > 0
    assert all(one.sampling == serving.sampling for one in serving.voices(None, 1))
