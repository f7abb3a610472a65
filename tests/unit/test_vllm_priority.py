"""Who goes first at a server that heeds priorities as vLLM does."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from chat.engines.chat_openai import ServedChatModel
from chat.engines.openai import OpenAIEngine
from chat.engines.vllm import RunningVllmEngine
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit


def test_who_reads_along_goes_first() -> None:
    model = ServedChatModel.at("http://127.0.0.1:9/v1", "k", "m", server="vLLM", patience=1.0)
    asked = [HumanMessage("hello")]
    assert "extra_body" not in model._get_request_payload(asked, stream=True)
    model.say_priority(True)
    assert model._get_request_payload(asked, stream=True)["extra_body"] == {"priority": 0}
    judged = model._get_request_payload(asked, extra_body={"continue_final_message": True})
    assert judged["extra_body"] == {"continue_final_message": True, "priority": 1}
    own = model._get_request_payload(asked, stream=True, extra_body={"priority": 7})
    assert own["extra_body"] == {"priority": 7}


@pytest.mark.parametrize("kind", [RunningVllmEngine, OpenAIEngine])
@pytest.mark.parametrize(
    ("priority", "owner", "sent"),
    [
        ("heed", "vllm", [1, 0]),
        ("refuse", "vllm", [None, None]),
        ("ignore", "vllm", [None, None]),
        ("heed", "sglang", [None, None]),  # its larger numbers go first
    ],
)
async def test_priorities_reach_a_server_that_heeds_them_as_vllm_does(
    kind: type[OpenAIEngine], priority: Any, owner: str, sent: list[int | None]
) -> None:
    script = ScriptedServer(
        lambda _: "a b c", key="k", model_name="mine", priority=priority, owner=owner
    )
    if kind is RunningVllmEngine and owner != "vllm":
        sent = [1, 0]  # whoever names the engine vllm knows better than what stands in between
    async with running(script) as server:
        engine = kind(server.url, SecretStr("k"), "")
        await engine.start()
        await engine.ready()
        probed = [request for request in server.requests if "priority" in request]
        server.requests.clear()
        await engine.chat_model.ainvoke([HumanMessage("judge this")])
        async for _ in engine.chat_model.astream([HumanMessage("hello")]):
            pass
        assert engine.capabilities.priority is (sent == [1, 0])
        await engine.stop()
    assert [request.get("priority") for request in server.requests] == sent
    assert len(probed) <= 2
    assert [choice.name for choice in engine.models] == ["mine"]
