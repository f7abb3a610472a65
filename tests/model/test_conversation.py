"""The conversation that all engines share, on those that need no environment of their own.

vLLM's are in tests/vllm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bench.harness import running
from chat.settings import EngineName, Scoring, Settings
from tests.support.conversation import MESSAGES, hold_conversation
from tests.support.llama_cpp import llama_cpp
from tests.support.models import small_folder, small_model

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]


def settings(data: Path, **more: Any) -> Settings:
    return Settings(data_dir=data, method=Scoring.DIRECT, **{"max_tokens": 32, **more})


async def test_a_conversation_with_llama_cpp(tmp_path: Path) -> None:
    own = settings(tmp_path, engine=EngineName.LLAMA_CPP, model=str(small_model()), max_tokens=64)
    assert len(await hold_conversation(own)) == 4 * len(MESSAGES)


@pytest.mark.engines
async def test_a_conversation_with_transformers(tmp_path: Path) -> None:
    own = settings(tmp_path, engine=EngineName.TRANSFORMERS, model=str(small_folder()))
    assert len(await hold_conversation(own)) == 4 * len(MESSAGES)


@pytest.mark.engines
async def test_a_conversation_with_a_server_by_its_address(tmp_path: Path) -> None:
    """The engine `openai` before a llama.cpp that somebody else runs."""
    async with running(llama_cpp(tmp_path)) as server:
        address = str(server.chat_model.root_async_client.base_url)
        key = SecretStr(server.chat_model._place.key)
        own = settings(tmp_path, engine=EngineName.OPENAI, base_url=address, api_key=key)
        assert len(await hold_conversation(own)) == 4 * len(MESSAGES)
