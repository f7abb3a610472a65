"""Where llama.cpp's server is told to write a reply: its own slot, or any beside another reply."""

from __future__ import annotations

import asyncio

import pytest

from chat.engines.llama_cpp_chat import CHAT_SLOT, LlamaCppChatModel
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
