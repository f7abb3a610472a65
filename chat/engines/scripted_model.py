"""A chat model without a model: it says what its script says.

In every other way it is an ordinary one: it streams, counts tokens, reports usage and
log-probabilities as OpenAI-compatible servers do, waits, fails and breaks off where the script
asks for it.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field, PrivateAttr

from chat.engines.async_only import AsyncChatModel
from perm.types import EngineError, EngineFault, Usage, Value

NAME: Final = "scripted"
_PIECE: Final = re.compile(r" ?[^\W\d_]{1,6}|\d|\s+|_|[^\w\s]")
_NEVER: Final = -9999.0  # as OpenAI writes a log-probability of nothing
_REMEMBERED: Final = 200_000  # prompt tokens whose prefixes count as cached


class Output(Value):
    """One thing that the script lets the model say.

    `logprobs`: for each token of `text`, the log-probability of each candidate, the written one
    among them; a token beyond their number is certain (0.0). `delay`: seconds before the first
    token; `pace`: seconds a token. `failure` is raised after `fails_after` tokens. What is None is
    worked out: the finish reason (`stop`, or `length` where max_tokens cut) and the usage.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    logprobs: tuple[Mapping[str, float], ...] = ()
    delay: float = Field(default=0.0, ge=0)
    pace: float = Field(default=0.0, ge=0)
    failure: EngineError | None = None
    fails_after: int = Field(default=0, ge=0)


Line = Output | str
Speech = Callable[[Sequence[BaseMessage]], Line | Awaitable[Line]]
Script = Sequence[Line] | Speech
"""Outputs in the order of the calls, or a function from the messages to an output."""


class Call(Value):
    """One call as it came, for tests to look at."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    messages: tuple[BaseMessage, ...]
    stop: tuple[str, ...] = ()
    options: Mapping[str, Any] = Field(default_factory=dict)


def pieces(text: str) -> list[str]:
    """The tokens of a text: up to six letters with a space before them, single digits, marks.

    Joined they are the text again. Digits stand alone, as in the tokenisers of Qwen and Llama.
    """
    return _PIECE.findall(text)


class ScriptedChatModel(AsyncChatModel):
    """A chat model that follows a script. Async only."""

    model_name: str = NAME
    max_tokens: int | None = None
    context_tokens: int | None = None
    """Longest prompt in tokens; a longer one is refused as TOO_LONG, as servers do."""

    _script: Script = PrivateAttr(default=())
    _voices: Mapping[str, Speech] = PrivateAttr(default_factory=dict)
    _left: Iterator[Line] = PrivateAttr()
    _calls: deque[Call] = PrivateAttr(default_factory=lambda: deque(maxlen=1000))
    _seen: set[int] = PrivateAttr(default_factory=set)

    def __init__(
        self,
        script: Script = (),
        voices: Mapping[str, Speech] | None = None,
        **fields: Any,  # noqa: ANN401
    ) -> None:
        """`voices`: what it says where it is asked for as another model, by that model's name."""
        super().__init__(**fields)
        self._script, self._voices = script, voices or {}
        self._left = iter(()) if callable(script) else iter(script)

    @property
    def calls(self) -> list[Call]:
        """The last 1,000 calls, oldest first."""
        return list(self._calls)

    @property
    def _llm_type(self) -> str:
        return NAME

    def get_num_tokens(self, text: str) -> int:
        return len(pieces(text))

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[Any] | None = None,
        **_: Any,  # noqa: ANN401
    ) -> int:
        return len(_prompt(messages))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> AsyncIterator[ChatGenerationChunk]:
        self._calls.append(Call(messages=tuple(messages), stop=tuple(stop or ()), options=kwargs))
        prompt = _prompt(messages)
        self._refuse_too_long(prompt)
        model = kwargs.get("model") or self.model_name
        output = await self._next_line(messages, model)
        limit = kwargs.get("max_completion_tokens") or kwargs.get("max_tokens") or self.max_tokens
        tokens, finish = _shaped(output, messages, stop or (), limit)
        cached = self._cached(prompt, tokens)
        due = asyncio.get_running_loop().time() + output.delay
        for index, token in enumerate(tokens):
            if output.failure is not None and index == output.fails_after:
                raise fresh(output.failure)
            await _until(due + output.pace * index)
            chunk = _token_chunk(token, output, index, kwargs)
            if run_manager:
                await run_manager.on_llm_new_token(token, chunk=chunk)
            yield chunk
        if output.failure is not None and output.fails_after >= len(tokens):
            raise fresh(output.failure)
        if not tokens:
            await _until(due)
        usage = output.usage or Usage(
            prompt_tokens=len(prompt), completion_tokens=len(tokens), cached_tokens=cached
        )
        yield self._last_chunk(finish, usage, model)

    async def _next_line(self, messages: Sequence[BaseMessage], model: str) -> Output:
        script = self._script if model == self.model_name else self._voices.get(model)
        if script is None:
            raise EngineError(
                EngineFault.REQUEST, f"There is no model {model!r} here.", "Ask for another."
            )
        if callable(script):
            answer = script(messages)
            line = await answer if inspect.isawaitable(answer) else answer
        else:
            try:
                line = next(self._left)
            except StopIteration:
                raise EngineError(
                    EngineFault.NOT_READY,
                    "The script has no more outputs.",
                    "Give the scripted engine one output for each call.",
                ) from None
        return Output(text=line) if isinstance(line, str) else line

    def _refuse_too_long(self, prompt: Sequence[str]) -> None:
        if self.context_tokens is not None and len(prompt) > self.context_tokens:
            raise EngineError(
                EngineFault.TOO_LONG,
                f"The prompt has {len(prompt)} tokens, the context holds {self.context_tokens}.",
                "Shorten the conversation.",
            )

    def _cached(self, prompt: Sequence[str], tokens: Sequence[str]) -> int:
        """How many tokens at the prompt's start were a start before; then remember all of this."""
        if len(self._seen) > _REMEMBERED:
            self._seen.clear()
        starts = list(_prefix_hashes((*prompt, *tokens)))
        known = (index for index, start in enumerate(starts) if start not in self._seen)
        cached = min(next(known, len(starts)), len(prompt))
        self._seen.update(starts)
        return cached

    def _last_chunk(self, finish: str, usage: Usage, model: str) -> ChatGenerationChunk:
        given, written = usage.prompt_tokens, usage.completion_tokens
        metadata = None
        if given is not None and written is not None:
            metadata = UsageMetadata(
                input_tokens=given, output_tokens=written, total_tokens=given + written
            )
            if usage.cached_tokens is not None:
                metadata["input_token_details"] = InputTokenDetails(cache_read=usage.cached_tokens)
        return ChatGenerationChunk(
            message=AIMessageChunk(content="", usage_metadata=metadata, chunk_position="last"),
            generation_info={"finish_reason": finish, "model_name": model},
        )


def _prompt(messages: Sequence[BaseMessage]) -> list[str]:
    """The prompt as tokens. An assistant message at the end is left open, to be continued."""
    tokens: list[str] = []
    for message in messages:
        tokens += [f"<{message.type}>", *pieces(message.text), "<end>"]
    return tokens[:-1] if messages and isinstance(messages[-1], AIMessage) else tokens


def _prefix_hashes(tokens: Sequence[str]) -> Iterator[int]:
    start = 0
    for token in tokens:
        start = hash((start, token))
        yield start


def _shaped(
    output: Output, messages: Sequence[BaseMessage], stop: Sequence[str], limit: int | None
) -> tuple[list[str], str]:
    """The tokens that are really written, and the finish reason."""
    text = output.text
    if messages and isinstance(messages[-1], AIMessage):
        text = text.removeprefix(messages[-1].text)  # what already stands is not written again
    ends = [at for mark in stop if mark and (at := text.find(mark)) >= 0]
    tokens = pieces(text[: min(ends, default=len(text))])
    if limit is not None and len(tokens) > limit:
        return tokens[:limit], output.finish_reason or "length"
    return tokens, output.finish_reason or "stop"


def _token_chunk(
    token: str, output: Output, index: int, options: Mapping[str, Any]
) -> ChatGenerationChunk:
    info: dict[str, Any] | None = None
    if options.get("logprobs"):
        given = output.logprobs[index] if index < len(output.logprobs) else {token: 0.0}
        ranked = sorted(given.items(), key=_likelihood, reverse=True)
        top = ranked[: int(options.get("top_logprobs") or 0)]
        entry = _candidate(token, given.get(token, _NEVER))
        entry["top_logprobs"] = [_candidate(*pair) for pair in top]
        info = {"logprobs": {"content": [entry]}}
    return ChatGenerationChunk(message=AIMessageChunk(content=token), generation_info=info)


def _likelihood(candidate: tuple[str, float]) -> float:
    return -math.inf if math.isnan(candidate[1]) else candidate[1]


def _candidate(token: str, logprob: float) -> dict[str, Any]:
    return {
        "token": token,
        "bytes": list(token.encode("utf-8", "surrogatepass")),
        "logprob": logprob,
    }


async def _until(due: float) -> None:
    """Sleep until the loop's time `due`, so that the pace holds whatever else took time."""
    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


def fresh(failure: EngineError) -> EngineError:
    """A copy: one exception object raised twice would collect both tracebacks."""
    return EngineError(failure.fault, failure.what, failure.todo, failure.retry_after)
