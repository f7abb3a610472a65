"""The conversation that all engines share, on a vLLM: the app's own, and one by its address."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from chat.engines.openai import OpenAIEngine
from chat.services import Services
from chat.settings import EngineName, Scoring, Settings
from tests.support.conversation import MESSAGES, converse, find_again, hold_conversation
from tests.vllm.conftest import ADAPTER

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_a_conversation_with_a_vllm_that_the_app_started(services: Services) -> None:
    held = await converse(services)
    assert len(held.verdicts) == 4 * len(MESSAGES)
    await find_again(services.settings, held)


async def test_a_conversation_with_its_adapter(services: Services) -> None:
    """Chosen as on the page; judged by the backbone."""
    held = await converse(services, ADAPTER)
    assert {verdict.judge_model for verdict in held.verdicts} == {services.supporter.model_name}


async def test_a_conversation_with_a_vllm_by_its_address(
    address: tuple[str, str], tmp_path: Path
) -> None:
    url, key = address
    own = Settings(
        engine=EngineName.OPENAI,
        base_url=url,
        api_key=SecretStr(key),
        data_dir=tmp_path,
        max_tokens=32,
        method=Scoring.DIRECT,
    )
    assert len(await hold_conversation(own)) == 4 * len(MESSAGES)


async def test_priorities_are_found_to_be_heeded(address: tuple[str, str]) -> None:
    url, key = address
    engine = OpenAIEngine(url, SecretStr(key), "")
    await engine.start()
    try:
        await engine.ready()
        assert engine.capabilities.priority
        assert ADAPTER in {one.name for one in engine.models}
    finally:
        await engine.stop()
