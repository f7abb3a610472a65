"""One model call on a judge's behalf: tried again where that can help, its answer taken apart.

Nothing here looks into what the judge said; that is perm.parsing's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from perm.parsing import tokens_of
from perm.types import EngineError, EngineFault, Usage, Value

_CUT_OFF: Final = frozenset({"length", "max_tokens"})
_REFUSED: Final = frozenset({"content_filter", "refusal"})
_TEXT_BLOCKS: Final = frozenset({"text", "output_text"})


class JudgePolicy(Value):
    """How judge calls are made. Temperature, top_p and max_tokens are the paper's (reasoned).

    `timeout`: seconds that one try may take; `retries`: further tries after a passing fault. The
    wait before one is random, up to `first_wait` seconds and twice as much each time, never above
    `longest_wait`. A server's Retry-After comes before that, so that not all who were told the same
    come back at the same moment; where it is longer than `longest_wait` there is no other try.
    """

    temperature: float = 0.3
    top_p: float = 0.9
    max_tokens: int = 1024
    timeout: float = 180.0
    retries: int = 2
    first_wait: float = 1.0
    longest_wait: float = 30.0


class Answer(Value):
    """What came back. `places`: the tokens with their probabilities, where the engine told them."""

    text: str
    truncated: bool
    refused: bool
    places: tuple[Mapping[str, Any], ...]
    usage: Usage


class Tries:
    """How often a call was made. Kept outside of it, so that a failed one is counted as well."""

    def __init__(self) -> None:
        self.count = 0


async def call(
    model: BaseChatModel,
    messages: Sequence[BaseMessage],
    options: Mapping[str, Any],
    policy: JudgePolicy,
    tries: Tries,
) -> Answer:
    """The model's answer. Raises EngineError, or whatever a foreign chat model raises."""
    bound = model.bind(**options)
    async for attempt in AsyncRetrying(
        retry=retry_if_exception(lambda error: _passing(error, policy)),
        stop=stop_after_attempt(1 + policy.retries),
        wait=lambda state: _wait(state, policy),
        reraise=True,
    ):
        with attempt:
            tries.count += 1
            try:
                async with asyncio.timeout(policy.timeout):
                    message: object = await bound.ainvoke(list(messages))
            except TimeoutError:
                raise EngineError(
                    EngineFault.TIMEOUT,
                    f"The judge gave no answer within {policy.timeout:g} s.",
                    "Give it more time, or choose a faster model.",
                ) from None
    return answer_of(message)


def answer_of(message: object) -> Answer:
    """An answer in the form of LangChain's OpenAI chat model, however odd. Never raises.

    What is no message says nothing: a list or a tuple of text is not read as one.
    """
    metadata = _mapping(getattr(message, "response_metadata", None))
    extra = _mapping(getattr(message, "additional_kwargs", None))
    ending = metadata.get("finish_reason") or metadata.get("stop_reason")
    return Answer(
        text=text_of(getattr(message, "content", "")),
        truncated=ending in _CUT_OFF if isinstance(ending, str) else False,
        refused=bool(extra.get("refusal")) or (isinstance(ending, str) and ending in _REFUSED),
        places=tuple(tokens_of(metadata.get("logprobs"))),
        usage=_usage(_mapping(getattr(message, "usage_metadata", None))),
    )


def text_of(content: object) -> str:
    """A message's text: a string, or content blocks joined; "" for what holds none."""
    if isinstance(content, list):
        return "".join(map(_block, content))
    return _block(content)


def _block(block: object) -> str:
    if isinstance(block, str):
        return block
    kind, text = _mapping(block).get("type", "text"), _mapping(block).get("text")
    known = isinstance(kind, str) and kind in _TEXT_BLOCKS  # a server's JSON: it may be anything
    return text if known and isinstance(text, str) else ""


def _passing(error: BaseException, policy: JudgePolicy) -> bool:
    return (
        isinstance(error, EngineError)
        and error.retryable
        and (error.retry_after or 0) <= policy.longest_wait
    )


def _wait(state: RetryCallState, policy: JudgePolicy) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, EngineError) else None
    spread = wait_random_exponential(policy.first_wait, max=policy.longest_wait)
    return spread(state) + (asked or 0.0)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _usage(told: Mapping[str, Any]) -> Usage:
    def count(counts: Mapping[str, Any], name: str) -> int | None:
        value = counts.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    return Usage(
        prompt_tokens=count(told, "input_tokens"),
        completion_tokens=count(told, "output_tokens"),
        cached_tokens=count(_mapping(told.get("input_token_details")), "cache_read"),
    )
