"""What llama.cpp's server is told about a reply: where it is written, and how it is drawn."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chat import engines
from chat.engines.llama_cpp_chat import CHAT_SLOT, LlamaCppChatModel
from chat.serving import Serving
from chat.settings import EngineName, Settings
from perm import rubrics
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit


async def read(model: LlamaCppChatModel, message: str) -> None:
    async for _ in model.astream(message):
        pass


async def test_replies_have_a_slot_and_judging_any() -> None:
    async with running(ScriptedServer(lambda _: "Yes.")) as server:
        model = LlamaCppChatModel.at(server.url, "k", "m", server="The server", patience=5.0)
        await read(model, "One.")
        await model.ainvoke("Judged.")
        await asyncio.gather(read(model, "Two."), read(model, "Beside it."))
        await read(model, "Three.")
        await model.close()
    slots = [body.get("id_slot") for body in server.requests]
    assert slots[:2] == [CHAT_SLOT, None]
    assert sorted(slots[2:4], key=str) == [CHAT_SLOT, None], "one waits for no other reply"
    assert slots[4] == CHAT_SLOT


def test_repeating_itself_is_made_unlikely_and_is_kept_with_the_reply(tmp_path: Path) -> None:
    settings = Settings(engine=EngineName.LLAMA_CPP, data_dir=tmp_path)
    engine = engines.build(settings, "supporter")
    serving = Serving.compose(settings, rubrics.load(settings.prompts_dir), engine, engine)
    assert serving.sampling["temperature"] == settings.temperature
    assert serving.sampling["extra_body"]["dry_multiplier"] > 0
    assert all(one.sampling == serving.sampling for one in serving.voices(None, 1))
