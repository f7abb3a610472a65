"""What can this server do? Found out once, with a few tiny calls, when an engine comes up.

A refusal only means that the capability is absent. A server that cannot be reached, does not accept
the key or fails is another matter: that is raised.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.ai import AIMessageChunk

from perm.types import Capabilities, EngineError, EngineFault, Value

TOP: Final = 20
"""Alternatives asked for at each token: what OpenAI's API and the usual servers allow at most."""

WRITTEN: Final = 16
"""Tokens written to measure the speed."""

CONTINUE: Final = {"continue_final_message": True, "add_generation_prompt": False}
"""vLLM's request fields for an assistant message that is to be continued."""

ABSENT: Final = {EngineFault.REQUEST, EngineFault.GARBAGE, EngineFault.TOO_LONG}
"""Faults that say 'not this'; all others say 'not now' or 'not you'."""

_WORD: Final = "zebra"
_CHOICE: Final = {
    "type": "json_schema",
    "json_schema": {
        "name": "choice",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"choice": {"type": "string", "enum": [_WORD]}},
            "required": ["choice"],
            "additionalProperties": False,
        },
    },
}


class _Sample(Value):
    """One measured call."""

    logprobs: int = 0
    read_speed: float | None = None
    write_speed: float | None = None


async def probe(model: BaseChatModel) -> Capabilities:
    """Ask the model what it can do; at most nine calls, some 200 tokens together.

    `context_tokens` and `parallel` are left as they are: no call tells them.
    """
    prompt: list[BaseMessage] = [
        HumanMessage(f"{' '.join(str(uuid4()) for _ in range(4))}\nCount from one to fifty.")
    ]
    sample = await _sample(model, prompt)
    again = await _tiny(model, prompt)
    options = await _prefix_options(model)
    schema = await _keeps_to_schema(model)
    return Capabilities(
        logprobs=sample.logprobs > 0,
        top_logprobs=sample.logprobs,
        assistant_prefix=options is not None,
        prefix_options=options or {},
        structured_choice=schema is True,
        schema_ignored=schema is False,
        cached_tokens=_reports_cached(again),
        read_speed=sample.read_speed,
        write_speed=sample.write_speed,
    )


async def _sample(model: BaseChatModel, prompt: list[BaseMessage]) -> _Sample:
    """Speed and log-probabilities from one streamed call; without the latter where refused."""
    for asked in ({"logprobs": True, "top_logprobs": TOP}, {"logprobs": True, "top_logprobs": 5}):
        try:
            return await _streamed(model, prompt, asked)
        except EngineError as error:
            if error.fault not in ABSENT:
                raise
    return await _streamed(model, prompt, {})


async def _streamed(
    model: BaseChatModel, prompt: list[BaseMessage], asked: Mapping[str, Any]
) -> _Sample:
    began = time.perf_counter()
    first = last = began
    whole: AIMessageChunk | None = None
    async for chunk in model.astream(prompt, max_tokens=WRITTEN, temperature=0, **asked):
        whole = chunk if whole is None else whole + chunk
        if chunk.text:
            last = time.perf_counter()
            first = last if first == began else first
    if whole is None:
        return _Sample()
    usage = whole.usage_metadata
    read = usage["input_tokens"] - _cached(whole) if usage else 0
    written = usage["output_tokens"] if usage else 0
    return _Sample(
        logprobs=_alternatives(whole),
        read_speed=read / (first - began) if read > 0 and first > began else None,
        write_speed=(written - 1) / (last - first) if written > 3 and last > first else None,
    )


def _alternatives(message: BaseMessage) -> int:
    """How many alternatives came with the first token; 0 where no log-probability came."""
    content = (message.response_metadata.get("logprobs") or {}).get("content") or []
    return len(content[0].get("top_logprobs") or []) if content else 0


async def _prefix_options(model: BaseChatModel) -> dict[str, bool] | None:
    """The request fields with which an assistant message is continued; None where it is not.

    Told by the count of prompt tokens: a message that is continued adds its own tokens alone, one
    that is closed and answered anew adds those that close it and open the next as well.
    """
    ways: tuple[dict[str, bool], ...] = ({}, CONTINUE)
    for fields in ways:
        if await _continues(model, {"extra_body": fields} if fields else {}):
            return fields
    return None


async def _continues(model: BaseChatModel, options: Mapping[str, Any]) -> bool:
    asked = HumanMessage("Say one.")
    try:
        bare = _prompt_tokens(await _tiny(model, [asked]))
        one = _prompt_tokens(await _tiny(model, [asked, AIMessage("one")], options))
        five = _prompt_tokens(
            await _tiny(model, [asked, AIMessage("one one one one one")], options)
        )
    except EngineError as error:
        if error.fault not in ABSENT:
            raise
        return False
    each = (five - one) / 4
    return each >= 1 and one - bare <= each


async def _keeps_to_schema(model: BaseChatModel) -> bool | None:
    """Whether a schema is honoured: a word that nobody would say is the only one allowed.

    None where it is refused: the server at least says so.
    """
    asked: list[BaseMessage] = [HumanMessage("Answer in JSON: what is one and one?")]
    try:
        answer = await model.ainvoke(asked, max_tokens=16, temperature=0, response_format=_CHOICE)
        return bool(json.loads(answer.text) == {"choice": _WORD})
    except ValueError:
        return False
    except EngineError as error:
        if error.fault not in ABSENT:
            raise
        return None


async def takes_priority(model: BaseChatModel) -> bool:
    """Whether vLLM's field for who goes first is known: a number is taken, a word is refused.

    A server that does not look at the field takes both; one that has no such field, and a vLLM
    that was not started to heed it and says so, refuse both.
    """
    return not await _taken(model, {"priority": _WORD}) and await _taken(model, {"priority": 1})


async def _taken(model: BaseChatModel, fields: Mapping[str, Any]) -> bool:
    try:
        await _tiny(model, [HumanMessage("Say one.")], {"extra_body": fields})
    except EngineError as error:
        if error.fault not in ABSENT:
            raise
        return False
    return True


async def _tiny(
    model: BaseChatModel, prompt: list[BaseMessage], options: Mapping[str, Any] | None = None
) -> AIMessage:
    return await model.ainvoke(prompt, max_tokens=1, temperature=0, **(options or {}))


def _prompt_tokens(message: AIMessage) -> int:
    return message.usage_metadata["input_tokens"] if message.usage_metadata else 0


def _reports_cached(message: AIMessage) -> bool:
    """Whether the second call of the same prompt said how much of it was cached, 0 included."""
    usage = message.usage_metadata
    return usage is not None and "cache_read" in usage.get("input_token_details", {})


def _cached(message: AIMessage) -> int:
    usage = message.usage_metadata
    return usage.get("input_token_details", {}).get("cache_read", 0) if usage else 0
