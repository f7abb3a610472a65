"""What goes between a chat model and the thread that runs the model: a call, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

from langchain_core.messages import BaseMessage
from pydantic import Field, ValidationError

from perm.types import EngineError, EngineFault, Usage, Value


class Priority(IntEnum):
    """Lower goes first: what somebody reads along, then judging and whatever else can wait."""

    CHAT = 0
    JUDGING = 1


class Options(Value):
    """How one answer is drawn. What is not named here cannot be asked for."""

    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=20)
    model: str | None = None


class Token(Value):
    """One token written. `text` may be empty: half a character, or what may begin a stop word.

    `place`: the token with its log-probability and the likeliest others, in OpenAI's form.
    """

    text: str
    place: Mapping[str, Any] | None = None


class Done(Value):
    """The answer is complete. `text`: what had been held back."""

    text: str
    finish_reason: str  # stop, or length
    usage: Usage


Event = Token | Done | EngineError
Sink = Callable[[Event], None]


class Call:
    """One call. `tell` is called from the model's thread and must not block."""

    def __init__(
        self, messages: Sequence[BaseMessage], options: Options, priority: Priority, tell: Sink
    ) -> None:
        self.messages = tuple(messages)
        self.options = options
        self.priority = priority
        self.tell = tell
        self.cancelled = False

    def cancel(self) -> None:
        """Nobody waits for it any more. Harmless when it is over."""
        self.cancelled = True


MISSING: Final = "The engine transformers cannot do what was asked"


def options_of(asked: Mapping[str, Any], stop: Sequence[str] | None) -> Options:
    """The options of a call. Raises `EngineError` (REQUEST) for one that is not served here."""
    given = {name: value for name, value in asked.items() if value is not None}
    limit = given.pop("max_completion_tokens", None)
    if limit is not None:
        given["max_tokens"] = limit
    ends = given.pop("stop", None) or stop or ()
    try:
        return Options(**given, stop=(ends,) if isinstance(ends, str) else tuple(ends))
    except ValidationError as error:
        names = ", ".join(sorted({str(item["loc"][0]) for item in error.errors()}))
        raise EngineError(
            EngineFault.REQUEST, f"{MISSING} ({names}).", "Leave it out, or use another engine."
        ) from None
