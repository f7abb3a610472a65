"""A chat model that gives the answers it was given, in LangChain's form: for tests of judges."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

Answer = AIMessage | BaseException | Callable[[Sequence[BaseMessage]], Any]


class Scripted(BaseChatModel):
    """Gives the answers in turn (the last one again and again) and keeps what it was asked."""

    _answers: list[Answer] = PrivateAttr(default_factory=list)
    _asked: list[tuple[list[BaseMessage], dict[str, Any]]] = PrivateAttr(default_factory=list)

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self._answers = list(answers)

    @property
    def asked(self) -> list[tuple[list[BaseMessage], dict[str, Any]]]:
        return self._asked

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("async only")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self._asked.append((messages, {**kwargs, **({"stop": stop} if stop else {})}))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        if not isinstance(answer, AIMessage):
            answer = await answer(messages)
        return ChatResult(generations=[ChatGeneration(message=answer)])


def words(text: Any, finish: str = "stop", **metadata: Any) -> AIMessage:
    return AIMessage(text, response_metadata={"finish_reason": finish, **metadata})


def tokens(*places: Mapping[str, float], text: str = "") -> AIMessage:
    """An answer with probabilities, in the form of LangChain's OpenAI chat model."""
    content = [
        {
            "token": next(iter(place)),
            "top_logprobs": [
                {"token": token, "logprob": math.log(chance)} for token, chance in place.items()
            ],
        }
        for place in places
    ]
    said = text or "".join(next(iter(place)) for place in places)
    return words(said, "length" if len(places) == 1 else "stop", logprobs={"content": content})
