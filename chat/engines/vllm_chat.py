"""The chat model of a vLLM server: whoever reads along goes before whoever waits for the whole."""

from __future__ import annotations

from typing import Any, Final

from langchain_core.language_models import LanguageModelInput

from chat.engines.chat_openai import ServedChatModel

CHAT: Final = 0
JUDGING: Final = 1
"""vLLM serves lower numbers first, and lets them push out higher ones where memory is short."""


class VllmChatModel(ServedChatModel):
    """Streams are replies that somebody reads; calls awaited whole are judging and the like.

    So a stream has vLLM's priority 0 and any other call 1, unless `extra_body` says otherwise. It
    matters where the server runs with `--scheduling-policy priority`, and is ignored elsewhere.
    """

    def _get_request_payload(
        self,
        input_: LanguageModelInput,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> dict[str, Any]:
        payload = super()._get_request_payload(input_, stop=stop, **kwargs)
        priority = CHAT if payload.get("stream") else JUDGING
        payload["extra_body"] = {"priority": priority, **(payload.get("extra_body") or {})}
        return payload
