"""What every chat model of ours has in common: it is asynchronous, and says so when it is not."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from perm.types import EngineError, EngineFault


class AsyncChatModel(BaseChatModel):
    """A chat model without a synchronous twin."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in the base class
    ) -> ChatResult:
        raise EngineError(
            EngineFault.REQUEST, "This model is async only.", "Call ainvoke or astream."
        )
