"""The chat model of llama.cpp's server: who is read and written in which of its slots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from chat.engines.chat_openai import ServedChatModel

SLOTS: Final = 5
"""One for the supporter and one for each perspective, so that each finds its prompt cached."""

CHAT_SLOT: Final = 0
"""The server reads the prompts that wait in the order of their slots, as many tokens a step as fit.
In the first slot a message is read before the judging that is under way."""

TELLS_PROGRESS: Final = {"return_progress": True}
"""The server sees that nobody waits any longer when it has something to say, else once a second. So
it says after every step how far it has read, and a judgement that was given up ends with its step.
"""


class LlamaCppChatModel(ServedChatModel):
    """Replies, which are streams, go to the first slot; beside another one, to whichever is free.

    Calls that are awaited whole go to the others, those that begin with the same message to the
    same: it is a rubric. To the server these are streams too, and are put together here. Their
    prompts are read one after another, which takes no longer: a call that waits inside the server
    says nothing, so that one given up would be read all the same, in the steps of a message that
    came. What a slot held is kept in the server's memory when another takes it.
    """

    _replying: int = PrivateAttr(default=0)
    _slots: dict[int, int] = PrivateAttr(default_factory=dict)
    _reading: asyncio.Lock = PrivateAttr(default_factory=asyncio.Lock)

    async def _astream(
        self,
        *args: Any,  # noqa: ANN401 - as in the base class
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> AsyncIterator[ChatGenerationChunk]:
        if not self._replying:
            kwargs["extra_body"] = {"id_slot": CHAT_SLOT, **(kwargs.get("extra_body") or {})}
        self._replying += 1
        try:
            async for chunk in super()._astream(*args, **kwargs):
                yield chunk
        finally:
            self._replying -= 1

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        *args: Any,  # noqa: ANN401 - as in the base class
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> ChatResult:
        beginning = hash(messages[0].text)
        slot = self._slots.setdefault(beginning, 1 + len(self._slots) % (SLOTS - 1))
        asked = {"id_slot": slot, **TELLS_PROGRESS, **(kwargs.get("extra_body") or {})}
        stream = super()._astream(messages, *args, **(kwargs | {"extra_body": asked}))
        return await agenerate_from_stream(self._read_in_turn(stream))

    async def _read_in_turn(
        self, stream: AsyncIterator[ChatGenerationChunk]
    ) -> AsyncIterator[ChatGenerationChunk]:
        """The stream, begun when no other prompt is being read; this one is at its first token."""
        async with AsyncExitStack() as until_read:
            await until_read.enter_async_context(self._reading)
            async for chunk in stream:
                if chunk.text:
                    await until_read.aclose()
                yield chunk
