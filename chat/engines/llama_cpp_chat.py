"""The chat model of llama.cpp's server: replies are written in a slot of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from langchain_core.outputs import ChatGenerationChunk
from pydantic import PrivateAttr

from chat.engines.chat_openai import ServedChatModel

CHAT_SLOT: Final = 0
"""The server reads the prompts that wait in the order of their slots, as many tokens a step as fit.
In the first slot a message is read before the judging that is under way, which the server goes on
with for up to a second after it was given up."""


class LlamaCppChatModel(ServedChatModel):
    """Replies, which are streams, go to the first slot; beside another one, to whichever is free.

    What a slot held is kept in the server's memory when another conversation takes it.
    """

    _replying: int = PrivateAttr(default=0)

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
