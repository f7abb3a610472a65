"""What the chat model of the engine `openai` sends, and what it makes of a whole answer."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import JSONResponse

from tests.support.odd_server import collected, delta, model_at, odd, streamed

pytestmark = pytest.mark.unit


async def test_other_servers_get_the_older_name_of_the_limit() -> None:
    async with odd(streamed(delta("a"), delta("", "stop"))) as server:
        await collected(model_at(server.url), max_tokens=9, response_format={"type": "json"})
    (body,) = server.requests
    assert body["max_tokens"] == 9
    assert "max_completion_tokens" not in body
    assert body["response_format"] == {"type": "json"}
    assert body["stream_options"] == {"include_usage": True}


async def test_a_cut_off_structured_answer_is_an_answer() -> None:
    """The SDK's own handling of response formats would throw it away."""

    async def half(_: dict[str, Any]) -> Response:
        message = {"role": "assistant", "content": '{"choice": "zeb'}
        choice = {"index": 0, "message": message, "finish_reason": "length"}
        return JSONResponse({"id": "1", "object": "chat.completion", "choices": [choice]})

    async with odd(half) as server:
        answer = await model_at(server.url).ainvoke("x", response_format={"type": "json_object"})
    assert answer.text == '{"choice": "zeb'
    assert answer.response_metadata["finish_reason"] == "length"
