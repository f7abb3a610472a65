"""What an engine is: a way of serving one model.

It gives a LangChain chat model and a plain record of what that can do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from perm.types import Capabilities, Value


class Phase(StrEnum):
    STARTING = "starting"  # being loaded; calls may wait
    READY = "ready"
    RESTARTING = "restarting"  # its process died and is being started again
    FAILED = "failed"  # will not come up without somebody doing something
    STOPPED = "stopped"


class EngineState(Value):
    """The engine's state in words for people; `progress` is 0 to 1 where it is known."""

    phase: Phase
    detail: str = ""
    todo: str = ""
    progress: float | None = None


class ModelChoice(Value):
    """A model that an engine can be asked for: its own, or an adapter beside it, say.

    `name` is what a call asks for as `model=`, and what is stored; `title` and `note` are for
    people.
    """

    name: str
    title: str
    note: str = ""


class Engine(ABC):
    """One model, served one way. `start` returns at once or nearly so; `ready` waits.

    The chat model raises only `perm.types.EngineError` for what goes wrong with a call.
    """

    name: str  # the way of serving: llama-cpp, openai, scripted, ...
    model_name: str

    @property
    @abstractmethod
    def chat_model(self) -> BaseChatModel:
        """The chat model. Valid from the moment `ready` has returned."""

    @property
    def models(self) -> tuple[ModelChoice, ...]:
        """What a call may ask for as `model=`, all of it known once `ready` has returned.

        The first is what a new conversation gets unless somebody chooses.
        """
        return (ModelChoice(name=self.model_name, title=self.model_name),)

    @property
    def sampling(self) -> Mapping[str, Any]:
        """How replies are drawn besides what the settings say: fields of a call."""
        return {}

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What was found out at start. Valid from the moment `ready` has returned."""

    @property
    @abstractmethod
    def state(self) -> EngineState:
        """The state right now."""

    @abstractmethod
    async def start(self) -> None:
        """Begin to come up, in the background. Idempotent."""

    @abstractmethod
    async def ready(self) -> None:
        """Wait until calls can be made; raise `EngineError` (NOT_READY) if that will not happen."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop what was started. Idempotent."""

    async def keep(self, openings: Sequence[Sequence[BaseMessage]]) -> None:  # noqa: B027
        """Keep for the next start what reading these prompts gave, where the engine can.

        Asked for once they were read and before anybody was served.
        """
