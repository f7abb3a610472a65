"""The chat model of several servers that serve the same model: each call goes to one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from chat.engines.async_only import AsyncChatModel
from chat.engines.balance import Balance
from perm.types import EngineError, EngineFault

ELSEWHERE: Final = {
    EngineFault.UNREACHABLE,
    EngineFault.TIMEOUT,
    EngineFault.UNAUTHORISED,
    EngineFault.RATE_LIMITED,
    EngineFault.SERVER,
    EngineFault.GARBAGE,
    EngineFault.CUT_OFF,
    EngineFault.NOT_READY,
}
"""Faults of a server and not of the request: another one may do better."""


class Member(Protocol):
    """One server of a pool, as the pool's chat model sees it."""

    @property
    def chat_model(self) -> BaseChatModel: ...
    @property
    def usable(self) -> bool:
        """Whether it has come up."""

    @property
    def prefix_options(self) -> Mapping[str, Any]:
        """Its own request fields for an answer that is to be continued."""


class PoolChatModel(AsyncChatModel):
    """Async only. Raises what the last server raised, once none is left to try.

    A stream of which something was heard is never begun again elsewhere.
    """

    _members: tuple[Member, ...] = PrivateAttr(default=())
    _balance: Balance = PrivateAttr()

    def __init__(self, members: tuple[Member, ...], balance: Balance) -> None:
        super().__init__()
        self._members, self._balance = members, balance

    @property
    def _llm_type(self) -> str:
        return "pool"

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> ChatResult:
        failure = _nobody()
        for server in self._order(messages):
            member = self._members[server]
            try:
                with self._counted(server, messages):
                    answer = await member.chat_model.ainvoke(
                        messages, stop=stop, **self._fields(member, messages, kwargs)
                    )
            except EngineError as error:
                failure = error
                if error.fault not in ELSEWHERE:
                    break
            else:
                return ChatResult(generations=[ChatGeneration(message=answer)])
        raise failure

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> AsyncIterator[ChatGenerationChunk]:
        failure, begun = _nobody(), False
        for server in self._order(messages):
            member = self._members[server]
            fields = self._fields(member, messages, kwargs)
            try:
                with self._counted(server, messages):
                    async for chunk in member.chat_model.astream(messages, stop=stop, **fields):
                        begun = begun or bool(chunk.text)
                        yield ChatGenerationChunk(
                            message=chunk, generation_info=chunk.response_metadata or None
                        )
            except EngineError as error:
                failure = error
                if begun or error.fault not in ELSEWHERE:
                    break
            else:
                return
        raise failure

    def _order(self, messages: list[BaseMessage]) -> list[int]:
        up = [number for number, member in enumerate(self._members) if member.usable]
        return self._balance.order(messages, up)

    @contextmanager
    def _counted(self, server: int, messages: list[BaseMessage]) -> Iterator[None]:
        self._balance.reads(server, messages)
        self._balance.calls[server] += 1
        try:
            yield
        except EngineError as error:
            if error.fault in ELSEWHERE:
                self._balance.failed(server, error.retry_after)
            raise
        else:
            self._balance.answered(server)
        finally:
            self._balance.calls[server] -= 1

    @staticmethod
    def _fields(
        member: Member, messages: list[BaseMessage], asked: Mapping[str, Any]
    ) -> dict[str, Any]:
        fields = dict(asked)
        if member.prefix_options and messages and isinstance(messages[-1], AIMessage):
            fields["extra_body"] = {**(fields.get("extra_body") or {}), **member.prefix_options}
        return fields


def _nobody() -> EngineError:
    return EngineError(
        EngineFault.UNREACHABLE,
        "None of the servers is ready.",
        "Check that they run; each is tried again by itself.",
    )
