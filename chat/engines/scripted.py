"""An engine without a model: it says what its script says, and says that it does.

Tests, the documentation and the offline demo (`--engine scripted`) share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Self

from chat.engines.base import Engine, EngineState, ModelChoice, Phase
from chat.engines.scripted_demo import JUDGE_SPEED, READ_SPEED, Demo
from chat.engines.scripted_model import (
    NAME,
    Call,
    Line,
    Output,
    Script,
    ScriptedChatModel,
    Speech,
    fresh,
    pieces,
)
from perm.rubrics import Rubrics
from perm.types import Capabilities, EngineError, EngineFault

__all__ = [
    "CAPABILITIES",
    "DEMO_PACE",
    "NAME",
    "NOT_A_JUDGE",
    "PLAIN",
    "Call",
    "Line",
    "Output",
    "Script",
    "ScriptedChatModel",
    "ScriptedEngine",
    "Speech",
    "pieces",
]

NOT_A_JUDGE: Final = "scripted: not a real judge"
"""What a page, a report or a line of output says beside anything that this engine judged."""

DEMO_PACE: Final = 0.04
"""Seconds a token of the demo: 25 tokens a second, a comfortable reading speed."""

WARM: Final = "Scripted, warm"
PLAIN: Final = ModelChoice(
    name="scripted-plain", title="Scripted, plain", note="short, quick advice"
)
"""The demo's second voice, so that a choice and a comparison can be shown without a model."""

CAPABILITIES: Final = Capabilities(
    logprobs=True,
    top_logprobs=20,
    assistant_prefix=True,
    cached_tokens=True,
    context_tokens=32_768,
    parallel=8,
)
"""What the scripted model can do, unless a test says otherwise."""


class ScriptedEngine(Engine):
    """The engine around it.

    `voices`: other models that it offers, each with what that one says; `title`: what people call
    its own. `start_seconds`: how long it takes to come up; `start_failure`: why it does not.
    """

    name = NAME

    def __init__(
        self,
        script: Script = (),
        *,
        voices: Mapping[ModelChoice, Speech] | None = None,
        model_name: str = NAME,
        title: str = "",
        capabilities: Capabilities = CAPABILITIES,
        start_seconds: float = 0.0,
        start_failure: EngineError | None = None,
    ) -> None:
        self.model_name = model_name
        self._title = title or model_name
        self._others = tuple(voices or ())
        self._model = ScriptedChatModel(
            script,
            {choice.name: speech for choice, speech in (voices or {}).items()},
            model_name=model_name,
            context_tokens=capabilities.context_tokens,
        )
        self._capabilities = capabilities
        self._start_seconds = start_seconds
        self._start_failure = start_failure
        self._state = EngineState(phase=Phase.STOPPED, detail=NOT_A_JUDGE)
        self._coming_up: asyncio.Task[None] | None = None

    @classmethod
    def demo(cls, rubrics: Rubrics, pace: float = DEMO_PACE) -> Self:
        """The offline demo: two voices, plausible verdicts. `pace`: seconds a token, or 0."""
        speeds = {"write_speed": JUDGE_SPEED, "read_speed": READ_SPEED}
        capabilities = CAPABILITIES.model_copy(update=speeds)
        plain = {PLAIN: Demo(rubrics, pace, "plain.toml")}
        return cls(Demo(rubrics, pace), voices=plain, title=WARM, capabilities=capabilities)

    @property
    def models(self) -> tuple[ModelChoice, ...]:
        return ModelChoice(name=self.model_name, title=self._title), *self._others

    @property
    def chat_model(self) -> ScriptedChatModel:
        return self._model

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def state(self) -> EngineState:
        return self._state

    async def start(self) -> None:
        if self._coming_up is None:
            self._state = EngineState(phase=Phase.STARTING, detail=NOT_A_JUDGE)
            self._coming_up = asyncio.create_task(self._come_up())

    async def ready(self) -> None:
        await self.start()
        if self._coming_up is not None:
            await asyncio.wait({self._coming_up})
        if self._start_failure is not None:
            raise fresh(self._start_failure)
        if self._state.phase is not Phase.READY:
            raise EngineError(EngineFault.NOT_READY, "The scripted engine was stopped.")

    async def stop(self) -> None:
        if self._coming_up is not None:
            self._coming_up.cancel()
            self._coming_up = None
        self._state = EngineState(phase=Phase.STOPPED, detail=NOT_A_JUDGE)

    async def _come_up(self) -> None:
        await asyncio.sleep(self._start_seconds)
        failure = self._start_failure
        self._state = (
            EngineState(phase=Phase.READY, detail=NOT_A_JUDGE, progress=1.0)
            if failure is None
            else EngineState(phase=Phase.FAILED, detail=failure.what, todo=failure.todo)
        )
