"""One reply being judged: each verdict saved, then told; then the reward, from saved verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from chat.events import (
    JudgingStarted,
    ProvisionalScore,
    RewardReady,
    TurnFailed,
    VerdictLanded,
)
from chat.feed import Feed
from chat.judge_choice import JudgeChoice
from chat.serving import Serving
from chat.store import Store, StoreError
from chat.store.records import Conversation
from perm.judges import contexts_for
from perm.parsing import SupporterOutput
from perm.rewards import reward_of
from perm.types import (
    EngineError,
    EngineFault,
    Exchange,
    JudgeContext,
    Method,
    Perspective,
    Status,
    Unscored,
    Verdict,
)


@dataclass(frozen=True)
class Judging:
    """Judges one reply of one owner's conversation and keeps what comes of it."""

    serving: Serving
    store: Store
    feed: Feed
    conversation: Conversation
    message: str
    history: tuple[Exchange, ...]
    reply_id: UUID

    def contexts(self, output: SupporterOutput) -> dict[Perspective, JudgeContext]:
        """What each judge will see."""
        place = self.conversation
        return contexts_for(place.persona, place.scenario, self.message, output, self.history)

    async def judge(
        self,
        contexts: dict[Perspective, JudgeContext],
        perspectives: Iterable[Perspective],
        method: Method | None = None,
        by: JudgeChoice | None = None,
    ) -> None:
        """Judge from these perspectives side by side. `method`, `by`: None is the settings' own."""
        asked = tuple(perspectives)
        how = method or self.serving.method
        self.feed.publish(JudgingStarted(reply_id=self.reply_id, method=how, perspectives=asked))
        try:
            judge = await self.serving.judge(by)
        except EngineError as error:
            name = (by and by.judge) or self.serving.judge_engine.model_name
            for one in asked:
                await self._keep(_failed(one, how, error, name))
            return
        async with asyncio.TaskGroup() as group:
            for one in asked:
                group.create_task(self._one(partial(judge.judge, one, contexts[one], how), how))

    async def so_far(self, perspective: Perspective, response: str) -> None:
        """Tell what the beginning of a Response is worth, if that can be known at once.

        It is told and forgotten: no verdict, nothing saved. Asked for whole sentences only.
        Raises `EngineError` where the judge's engine fails.
        """
        if not self.serving.live:
            return
        judge = await self.serving.judge()
        output = SupporterOutput(analysis="", response=response, formatted=True)
        context = self.contexts(output)[perspective]
        call = partial(judge.judge, perspective, context, Method.DIRECT)
        found = await self.serving.line.in_passing(call)
        if found is not None and found.unscored is Unscored.ENGINE:
            raise EngineError(EngineFault.NOT_READY, found.error or "The judge failed.")
        if found is not None and found.score is not None:
            self.feed.publish(
                ProvisionalScore(
                    reply_id=self.reply_id,
                    perspective=perspective,
                    score=found.score,
                    heard=len(response),
                )
            )

    async def reasons(self, contexts: dict[Perspective, JudgeContext]) -> None:
        """The reasons for direct scores, where the judge is fast enough to give them unasked."""
        try:
            await self.serving.judge()
        except EngineError:
            return  # the scores have said so already
        if self.serving.gives_reasons:
            await self.judge(contexts, Perspective, Method.REASONED)

    async def reward(self) -> None:
        """The reward from the verdicts that are saved, or what it still needs."""
        owner = self.conversation.owner
        reply = await self.store.reply(owner, self.reply_id)
        binding = reply.binding
        tokens = reply.usage.completion_tokens
        found = reward_of(binding, self.serving.settings.reward, tokens)
        if found is not None:
            await self.store.save_reward(owner, self.reply_id, found)
        missing = tuple(one for one in Perspective if one not in binding or not binding[one].scored)
        self.feed.publish(RewardReady(reply_id=self.reply_id, reward=found, missing=missing))

    async def _one(self, call: Callable[[], Awaitable[Verdict]], how: Method) -> None:
        reasons = how is not self.serving.method
        await self._keep(await self.serving.line.judging(self.reply_id, call, reasons=reasons))

    async def _keep(self, verdict: Verdict) -> None:
        try:
            await self.store.save_verdict(self.conversation.owner, self.reply_id, verdict)
        except StoreError as error:
            self.feed.publish(
                TurnFailed(part=error.part, what=error.what, todo=error.todo, saved=True)
            )
        else:
            self.feed.publish(VerdictLanded(reply_id=self.reply_id, verdict=verdict))


def _failed(perspective: Perspective, method: Method, error: EngineError, judge: str) -> Verdict:
    return Verdict(
        perspective=perspective,
        method=method,
        status=Status.UNSCORED,
        unscored=Unscored.ENGINE,
        error=str(error),
        judge_model=judge,
    )
