"""The chat model in front of the thread that runs a model in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from chat.engines.async_only import AsyncChatModel
from chat.engines.in_process.calls import Call, Done, Event, Priority, Token, options_of
from chat.engines.in_process.worker import Worker
from perm.types import EngineError, EngineFault


class TransformersChatModel(AsyncChatModel):
    """Asynchronous only. Raises `EngineError` and nothing else for a failed call.

    Streams are replies that somebody reads; calls awaited whole are judging and the like, and give
    way to them. Whoever leaves a stream or is cancelled ends its generation.
    """

    model_name: str = ""

    _worker: Worker | None = PrivateAttr(default=None)
    _adapters: tuple[str, ...] = PrivateAttr(default=())

    def serve_with(self, worker: Worker | None, adapters: Sequence[str] = ()) -> None:
        """Hand calls to that thread from now on; with None they are refused.

        `adapters`: what may be asked for as `model=` besides the model itself.
        """
        self._worker, self._adapters = worker, tuple(adapters)

    @property
    def _llm_type(self) -> str:
        return "transformers"

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> ChatResult:
        answer = self._answer(messages, stop, Priority.JUDGING, kwargs)
        return await agenerate_from_stream(answer)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> AsyncIterator[ChatGenerationChunk]:
        answer = self._answer(messages, stop, Priority.CHAT, kwargs)
        try:
            async for chunk in answer:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        finally:
            await answer.aclose()

    async def _answer(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        priority: Priority,
        asked: dict[str, Any],
    ) -> AsyncGenerator[ChatGenerationChunk]:
        options = options_of(asked, stop)
        worker = self._worker
        if worker is None:
            raise EngineError(EngineFault.NOT_READY, "The model is not loaded.")
        if options.model not in (None, self.model_name, *self._adapters):
            raise EngineError(
                EngineFault.REQUEST,
                f"There is no model called {options.model!r} here.",
                f"Ask for {' or '.join((self.model_name, *self._adapters))}.",
            )
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event] = asyncio.Queue()

        def tell(event: Event) -> None:
            try:
                loop.call_soon_threadsafe(events.put_nowait, event)
            except RuntimeError:  # the loop has ended, and with it whoever listened
                call.cancel()

        call = Call(messages, options, priority, tell)
        worker.submit(call)
        try:
            while True:
                event = await events.get()
                if isinstance(event, EngineError):
                    raise event
                yield self._chunk(event, options.model or self.model_name)
                if isinstance(event, Done):
                    return
        finally:
            call.cancel()

    @staticmethod
    def _chunk(event: Token | Done, model: str) -> ChatGenerationChunk:
        if isinstance(event, Token):
            info = {"logprobs": {"content": [event.place]}} if event.place else None
            return ChatGenerationChunk(
                message=AIMessageChunk(content=event.text), generation_info=info
            )
        usage = event.usage
        read, written = usage.prompt_tokens or 0, usage.completion_tokens or 0
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content=event.text,
                usage_metadata=UsageMetadata(
                    input_tokens=read,
                    output_tokens=written,
                    total_tokens=read + written,
                    input_token_details=InputTokenDetails(cache_read=usage.cached_tokens or 0),
                ),
                chunk_position="last",
            ),
            generation_info={"finish_reason": event.finish_reason, "model_name": model},
        )
