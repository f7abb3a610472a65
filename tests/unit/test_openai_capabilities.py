"""What the engine `openai` finds out about a server by trying it."""

from __future__ import annotations

from typing import Any

import pytest

from chat.engines.openai import context_of
from tests.support.odd_server import Behaviour, engine_at, odd

pytestmark = pytest.mark.unit

CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (
            Behaviour(prefix="continued", structured="honoured", cached=True),
            {"assistant_prefix": True, "structured_choice": True, "cached_tokens": True},
        ),
        (Behaviour(prefix="asked"), {"assistant_prefix": True, "prefix_options": CONTINUE}),
        (Behaviour(prefix="closed"), {"assistant_prefix": False, "prefix_options": {}}),
        (Behaviour(prefix="mistral"), {"assistant_prefix": False}),
        (
            Behaviour(structured="ignored"),
            {"structured_choice": False, "schema_ignored": True, "cached_tokens": False},
        ),
        (Behaviour(structured="refused"), {"structured_choice": False, "schema_ignored": False}),
        (Behaviour(logprobs=20), {"logprobs": True, "top_logprobs": 20}),
        (Behaviour(logprobs=5), {"logprobs": True, "top_logprobs": 5}),
        (Behaviour(logprobs=0), {"logprobs": False, "top_logprobs": 0}),
        (Behaviour(usage=False), {"read_speed": None, "assistant_prefix": False}),
        (Behaviour(words=1), {"write_speed": None}),
    ],
)
async def test_capabilities_are_found_out(behaviour: Behaviour, expected: dict[str, Any]) -> None:
    async with odd(behaviour) as server:
        engine = await engine_at(server)
        found = engine.capabilities
        assert {name: getattr(found, name) for name in expected} == expected
        assert len(server.requests) <= 12
        await engine.stop()


async def test_speeds_are_measured() -> None:
    async with odd(Behaviour(pace=0.1)) as server:
        engine = await engine_at(server)
        found = engine.capabilities
        await engine.stop()
    assert found.read_speed is not None
    assert found.read_speed > 0
    assert found.write_speed is not None
    assert 2 < found.write_speed < 15, "the stand-in writes ten words a second"


def test_a_context_is_read_from_the_list_where_it_is_told() -> None:
    assert context_of({"max_model_len": 4096}) == 4096
    assert context_of({"meta": {"n_ctx": 2048}}) == 2048
    assert context_of({"meta": None, "max_model_len": "many"}) is None
