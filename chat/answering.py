"""One reply to a turn: its row, who writes it, and who judges it then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from langchain_core.messages import BaseMessage

from chat.events import TurnSaved
from chat.feed import Feed
from chat.history import exchanges, messages_for
from chat.judging import Judging
from chat.live import LiveScores
from chat.serving import Serving
from chat.store import Store
from chat.store.records import Conversation, NewReply, Reply, ReplyStatus, ReplyUpdate, Turn
from chat.voice import Voice
from chat.writing import Writing
from perm.parsing import SupporterOutput
from perm.types import Perspective

Path = list[Turn]
"""The turns from the first to the one at hand, which is the last."""

JUDGED = (ReplyStatus.COMPLETE, ReplyStatus.CUT_SHORT)
"""Replies that are judged unasked. One that was stopped or broke off is judged when asked for."""


@dataclass(frozen=True)
class Turned:
    """A turn at the end of its path, and where what happens to it is kept and told."""

    serving: Serving
    store: Store
    place: Conversation
    path: Path
    feed: Feed

    def judging(self, reply_id: UUID) -> Judging:
        settings = self.serving.settings
        room = self.serving.judge_context_tokens - min(settings.judge_max_tokens, 1024)
        message = self.path[-1].message
        past = exchanges(self.place, self.path[:-1], message, room - settings.max_tokens)
        return Judging(self.serving, self.store, self.feed, self.place, message, past, reply_id)


@dataclass(frozen=True)
class Answer:
    """One reply that has its row, and what will fill it."""

    writing: Writing
    messages: tuple[BaseMessage, ...]
    judging: Judging
    early: list[asyncio.Task[None]]  # judging that began while it was being written

    async def write(self) -> ReplyUpdate:
        return await self.writing.run(self.messages)

    async def judge(self, written: ReplyUpdate) -> None:
        """Judge what is not being judged yet; a reply that broke off only as far as it was.

        The reward follows the scores at once; reasons, where there are any, come after it.
        """
        whole = written.status in JUDGED
        contexts = self.judging.contexts(output_of(written))
        if whole:
            rest = [one for one in Perspective if not (self.early and one.rates_analysis)]
            await self.judging.judge(contexts, rest)
        await asyncio.gather(*self.early)
        if whole or self.early:
            await self.judging.reward()
        if whole:
            await self.judging.reasons(contexts)


async def begin(at: Turned, voice: Voice, *, chosen: bool = True) -> Answer:
    """Save the row of one reply, tell it, and have ready what fills it."""
    serving, place = at.serving, at.place
    *earlier, turn = at.path
    budget = serving.context_tokens - serving.settings.max_tokens
    prepared = messages_for(voice.prompt, place, earlier, turn.message, budget)
    new = NewReply(
        engine=serving.supporter.name,
        model=serving.choice(voice.model).name,
        prompt_hash=voice.prompt.hash,
        sampling=voice.sampling,
        request=({"role": "user", "content": str(prepared.messages[-1].content)},),
        turns_left_out=prepared.turns_left_out,
    )
    reply = await at.store.add_reply(place.owner, turn.id, new, chosen=chosen)
    at.feed.publish(
        TurnSaved(
            conversation_id=place.id,
            turn_id=turn.id,
            reply_id=reply.id,
            number=len(at.path),
            turns_left_out=prepared.turns_left_out,
            crisis=turn.crisis,
            seed=voice.sampling.get("seed"),
        )
    )
    judging = at.judging(reply.id)
    early: list[asyncio.Task[None]] = []

    def judge_resonation(analysis: str) -> None:
        output = SupporterOutput(analysis=analysis, response="", formatted=True)
        work = judging.judge(judging.contexts(output), [Perspective.RESONATION])
        early.append(asyncio.create_task(work))

    async def keep(update: ReplyUpdate) -> None:
        await at.store.update_reply(place.owner, reply.id, update)

    live = LiveScores(judging.so_far)
    writing = Writing(serving, at.feed, reply, keep, judge_resonation, voice=voice, live=live)
    return Answer(writing, prepared.messages, judging, early)


def output_of(reply: Reply | ReplyUpdate) -> SupporterOutput:
    """A saved reply as its judges take it."""
    return SupporterOutput(
        analysis=reply.analysis, response=reply.response, formatted=bool(reply.analysis)
    )
