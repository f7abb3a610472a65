"""What a turn is made with: the two engines, the prompts, the settings, and who goes first."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import AIMessageChunk

from chat.engines.base import Engine, ModelChoice, Phase
from chat.judge_choice import JudgeChoice, Judges
from chat.line import JUDGE_CALLS, Line
from chat.settings import Scoring, Settings
from chat.voice import Voice
from perm.judges import Judge, JudgePolicy
from perm.rubrics import Rubrics
from perm.types import Capabilities, EngineError, Method

STATE_POLL: Final = 0.5
"""Seconds between two looks at an engine that is not ready."""

LEAST_TEMPERATURE: Final = 0.5
"""Of candidates: below it they would say the same in the same words."""


@dataclass(frozen=True)
class Serving:
    """The supporter's engine and the judge's (often the same one), and how they are used."""

    settings: Settings
    rubrics: Rubrics
    supporter: Engine
    judge_engine: Engine
    line: Line

    @classmethod
    def compose(
        cls, settings: Settings, rubrics: Rubrics, supporter: Engine, judge_engine: Engine
    ) -> Serving:
        """One engine for both gives way to chat unless it does both as well at once."""
        shared = judge_engine is supporter

        def judge_calls() -> int:
            """As many as the engine takes, less one for chat; never fewer than a turn needs."""
            return max(JUDGE_CALLS, judge_engine.capabilities.parallel - shared)

        line = Line(lambda: shared and not supporter.capabilities.side_by_side, judge_calls)
        return cls(settings, rubrics, supporter, judge_engine, line)

    @property
    def context_tokens(self) -> int:
        """Tokens that one call to the supporter may hold, prompt and reply together."""
        return self._known(self.supporter).context_tokens or self.settings.context_tokens

    @property
    def judge_context_tokens(self) -> int:
        """Tokens that one judge call may hold."""
        return self._known(self.judge_engine).context_tokens or self.settings.context_tokens

    @property
    def method(self) -> Method:
        """The method that gives the scores."""
        reasoned = self.settings.method is Scoring.REASONED
        return Method.REASONED if reasoned else Method.DIRECT

    @property
    def gives_reasons(self) -> bool:
        """Whether reasons follow direct scores unasked; asked once the judge is ready."""
        return self.settings.method is Scoring.AUTO and self.judge_engine.capabilities.fast

    @property
    def live(self) -> bool:
        """Whether a Response is scored provisionally while it is written: measured, not guessed."""
        return self.settings.live_scores and self._known(self.judge_engine).live

    async def judge(self, choice: JudgeChoice | None = None) -> Judge:
        """The judge, once its engine is ready. Raises `EngineError` if that will not happen.

        `choice`: another one, or other prompts; raises `NoJudge` or `PromptError` as well.
        """
        wanted = choice or JudgeChoice()
        engine = self.judges.engine(wanted.judge)
        prompts = await self.judges.rubrics(wanted.prompts)
        await engine.ready()
        if engine is not self.judge_engine:
            await self.line.idle()  # it is the supporter's: whoever talks goes first
        policy = JudgePolicy(
            temperature=self.settings.judge_temperature,
            top_p=self.settings.judge_top_p,
            max_tokens=self.settings.judge_max_tokens,
            timeout=self.settings.judge_timeout,
            retries=self.settings.judge_retries,
        )
        name = wanted.judge or engine.model_name
        also = {} if name == engine.model_name else {"model": name}
        return Judge(engine.chat_model, name, engine.capabilities, prompts, policy, also=also)

    @property
    def judges(self) -> Judges:
        """Who can judge besides, and with which prompts."""
        return Judges(self)

    def choice(self, name: str | None) -> ModelChoice:
        """The supporter's model of that name.

        Where none was chosen, or the one that was is offered no longer, that is its first. Before
        the engine is ready its list may lack some, so that a name is then taken at its word.
        """
        offered = self.supporter.models
        found = next((one for one in offered if one.name == name), None)
        if found is None and name and self.supporter.state.phase is not Phase.READY:
            return ModelChoice(name=name, title=name)
        return found or offered[0]

    def write(
        self,
        messages: tuple[BaseMessage, ...],
        model: str | None = None,
        sampling: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[AIMessageChunk]:
        """The supporter's answer, in chunks; `model`: one of the names that its engine offers.

        `sampling`: how its tokens are drawn; None: as the settings say.
        """
        drawn = sampling or self.sampling
        return self.supporter.chat_model.astream(list(messages), **drawn, **self._asked(model))

    def _asked(self, model: str | None) -> dict[str, Any]:
        """What a call must say to reach that model; nothing where it is the engine's own."""
        name = self.choice(model).name
        return {} if name == self.supporter.model_name else {"model": name}

    def voices(self, model: str | None, count: int = 1) -> tuple[Voice, ...]:
        """Who answers a message `count` times: one model, its tokens drawn differently each time.

        A single answer is drawn as the settings say. For several, a temperature at which all would
        be the same is raised, and each has a seed of its own.
        """
        prompt = self.rubrics.supporter
        if count == 1:
            return (Voice(prompt=prompt, model=model, sampling=self.sampling),)
        first = secrets.randbelow(2**31 - count)
        warmth = max(self.settings.temperature, LEAST_TEMPERATURE)
        drawn = {**self.sampling, "temperature": warmth}
        return tuple(
            Voice(prompt=prompt, model=model, sampling={**drawn, "seed": first + number})
            for number in range(count)
        )

    async def widen(self, seats: asyncio.Semaphore) -> None:
        """Let as many replies to one message be written at once as the engine can, once it is up.

        A slow engine goes on writing them in turn: shared out, it would make the first of them as
        late as the last.
        """
        try:
            await self.supporter.ready()
        except EngineError:
            return  # each reply says so itself
        known = self.supporter.capabilities
        for _ in range(known.parallel - 1 if known.fast else 0):
            seats.release()

    async def warm_supporter(self) -> None:
        """Have the supporter's prompt read once, so that the first reply begins at once.

        As a stream, which a reply is: an engine that has a place for replies reads it there.
        """
        asked = self._asked(None)
        async for _ in self.supporter.chat_model.astream(self.opening, max_tokens=1, **asked):
            pass

    @property
    def opening(self) -> list[BaseMessage]:
        """The beginning that all conversations share, with as little as possible after it."""
        return [SystemMessage(self.rubrics.supporter.system), HumanMessage(".")]

    @property
    def sampling(self) -> dict[str, Any]:
        """How the supporter's tokens are drawn."""
        settings = self.settings
        return {
            **self.supporter.sampling,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": settings.max_tokens,
        }

    async def waiting_for_supporter(self) -> AsyncIterator[str]:
        """Why there is no word yet, each time that changes, until the supporter is ready."""
        ready = asyncio.ensure_future(self.supporter.ready())
        told = ""
        try:
            while not ready.done():
                state = self.supporter.state
                if state.phase is not Phase.READY and state.detail != told:
                    told = state.detail
                    yield told
                await asyncio.wait({ready}, timeout=STATE_POLL)
            ready.result()
        finally:
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)

    @staticmethod
    def _known(engine: Engine) -> Capabilities:
        ready = engine.state.phase is Phase.READY
        return engine.capabilities if ready else Capabilities()
