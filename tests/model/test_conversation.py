"""The conversation that all engines share, on those that need no environment of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chat.settings import EngineName, Scoring, Settings
from tests.support.conversation import MESSAGES, hold_conversation
from tests.support.models import small_model

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]


def settings(data: Path, **more: Any) -> Settings:
    return Settings(data_dir=data, max_tokens=64, method=Scoring.DIRECT, **more)


@pytest.mark.parametrize("engine", [EngineName.LLAMA_CPP])
async def test_a_conversation_with_an_own_engine(engine: EngineName, tmp_path: Path) -> None:
    held = await hold_conversation(settings(tmp_path, engine=engine, model=str(small_model())))
    assert len(held) == 4 * len(MESSAGES)
