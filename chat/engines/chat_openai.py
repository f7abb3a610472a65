"""LangChain's OpenAI chat model, made to raise `EngineError` alone and to tell no key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Self
from urllib.parse import urlsplit

import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr

from chat.engines.faults import FAILURES, cut_off, translated
from perm.types import EngineError, EngineFault

log = logging.getLogger(__name__)

OPENAI_HOST: Final = "api.openai.com"
CONNECT_SECONDS: Final = 5.0
UNSENT: Final = ("openai-organization", "openai-project")
"""Headers that the SDK takes from the environment; they are OpenAI's own business."""

NO_KEY: Final = "none"
"""The SDK wants a key; this one is taken off again before a request leaves."""

CHAT: Final = 0
JUDGING: Final = 1
"""vLLM serves lower numbers first, and lets them push out higher ones where memory is short."""

GONE: Final = {EngineFault.UNREACHABLE, EngineFault.CUT_OFF}

Gate = Callable[[], Awaitable[None]]


def is_openai(base_url: str) -> bool:
    return urlsplit(base_url).hostname == OPENAI_HOST


def is_loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def http_client(base_url: str) -> openai.DefaultAsyncHttpxClient:
    """The connection to one server.

    No redirects, so that a key stays where it was sent; no proxy on the way to this machine.
    """

    async def strip(request: Any) -> None:  # noqa: ANN401 - the SDK's own kind of request
        if not is_openai(str(request.url)):
            for name in UNSENT:
                request.headers.pop(name, None)
        if request.headers.get("authorization") == f"Bearer {NO_KEY}":
            del request.headers["authorization"]

    return openai.DefaultAsyncHttpxClient(
        follow_redirects=False,
        trust_env=not is_loopback(base_url),
        event_hooks={"request": [strip]},
    )


class _Place:
    """The key for the address that is spoken to now. Its repr tells nothing."""

    def __init__(self, key: str) -> None:
        self.key = key

    async def current_key(self) -> str:
        return self.key or NO_KEY


class ServedChatModel(ChatOpenAI):
    """A model behind an OpenAI-compatible address.

    Asynchronous only. Calls wait for `gate` where there is one, which is how an engine holds them
    back while its server starts again. To a server that was found to take them, calls say who goes
    first: streams are replies that somebody reads, calls awaited whole are judging and the like.
    Raises `EngineError` and nothing else for a failed call; a stream that ends without its finish
    reason is CUT_OFF.
    """

    _server: str = PrivateAttr(default="The model's server")
    _place: _Place = PrivateAttr(default_factory=lambda: _Place(""))
    _gate: Gate | None = PrivateAttr(default=None)
    _refused: EngineError | None = PrivateAttr(default=None)
    _says_priority: bool = PrivateAttr(default=False)

    @classmethod
    def at(cls, base_url: str, key: str, model: str, *, server: str, patience: float) -> Self:
        """The model of that name at that address.

        `server` is what people call it; `patience`: seconds of silence until it counts as stuck.
        """
        # The SDK's debug lines hold whole requests: what a person said. They stay off.
        logging.getLogger("openai").setLevel(logging.INFO)

        place = _Place(key)
        made = cls(
            model=model,
            base_url=base_url,
            # A function, so that no key is taken from the environment where none was set.
            api_key=place.current_key,
            max_retries=0,
            timeout=openai.Timeout(patience, connect=CONNECT_SECONDS),
            stream_usage=True,
            use_responses_api=False,
            output_version="v0",
            stream_chunk_timeout=patience,
            http_async_client=http_client(base_url),
        )
        made._server, made._place = server, place
        return made

    def wait_for(self, gate: Gate | None) -> None:
        """Hold every call back until `gate` has returned."""
        self._gate = gate

    def say_priority(self, says: bool) -> None:
        """Say of each call who goes first, in vLLM's field; `extra_body` may say otherwise."""
        self._says_priority = says

    def move_to(self, base_url: str, key: str) -> None:
        """Speak to another address from now on: a server that started again has a new one."""
        self._place.key = key
        self.root_async_client.base_url = base_url
        self.openai_api_base = base_url

    @property
    def refused(self) -> EngineError | None:
        """That the last call's key was not accepted: nobody but who runs the app can mend that."""
        return self._refused

    async def close(self) -> None:
        await self.root_async_client.close()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> ChatResult:
        failure: EngineError | None = None
        for pause in self._pauses():
            await self._let_through(pause)
            try:
                answer = await super()._agenerate(messages, stop, run_manager, **kwargs)
            except FAILURES as error:
                failure = translated(error, self._server)
            else:
                self._note(None)
                return answer
            if failure.fault not in GONE:
                break
        self._note(failure)
        # Raised outside the handler: the original holds the request, and so the key.
        raise failure or cut_off(self._server)

    async def _astream(
        self,
        *args: Any,  # noqa: ANN401 - as in the base class
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> AsyncIterator[ChatGenerationChunk]:
        failure: EngineError | None = None
        for pause in self._pauses():
            await self._let_through(pause)
            begun = finished = False
            failure = None
            try:
                async for chunk in super()._astream(*args, **kwargs):
                    begun = begun or bool(chunk.text)
                    finished = finished or "finish_reason" in (chunk.generation_info or {})
                    yield chunk
            except FAILURES as error:
                failure = translated(error, self._server, begun=begun)
            if failure is None and finished:
                self._note(None)
                return
            failure = failure or cut_off(self._server)
            if begun or failure.fault not in GONE:
                break
        self._note(failure)
        raise failure or cut_off(self._server)

    def _note(self, failure: EngineError | None) -> None:
        """Remember whether the key is accepted, and say it to who runs the app where it is not."""
        refused = failure is not None and failure.fault is EngineFault.UNAUTHORISED
        if refused and self._refused is None:
            log.error("%s", failure)
        self._refused = failure if refused else None

    def _pauses(self) -> tuple[float, ...]:
        """Seconds before each try: one, but for a server that we start again ourselves.

        A call that finds it gone, before a word has come, came between its death and our noticing.
        """
        return (0.0,) if self._gate is None else (0.0, 0.3, 1.0)

    async def _let_through(self, pause: float) -> None:
        await asyncio.sleep(pause)
        if self._gate is not None:
            await self._gate()

    def _get_request_payload(
        self,
        input_: LanguageModelInput,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(input_, stop=stop, **kwargs)
        # Servers other than OpenAI's own know the older name, and not all know the newer.
        if not is_openai(self.openai_api_base or "") and "max_completion_tokens" in payload:
            payload["max_tokens"] = payload.pop("max_completion_tokens")
        # Sent as a plain field: the SDK's own handling parses the answer and drops what is cut off.
        if "response_format" in payload:
            body = dict(payload.get("extra_body") or {})
            payload["extra_body"] = body | {"response_format": payload.pop("response_format")}
        if self._says_priority:
            priority = CHAT if payload.get("stream") else JUDGING
            payload["extra_body"] = {"priority": priority, **(payload.get("extra_body") or {})}
        return payload
