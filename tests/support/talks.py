"""Conversations that were judged and rated, as exports read them."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import UUID

from chat.export import Exporter
from chat.store import (
    Consents,
    FeedbackInput,
    NewReply,
    Reply,
    ReplyStatus,
    ReplyUpdate,
    Store,
)
from chat.store.study_records import PickedBy
from perm import rubrics
from perm.rewards import reward_of
from perm.types import Method, Perspective, RewardSettings, Status, Usage, Verdict

ROOT: Final = Path(__file__).resolve().parents[2]
PROMPT: Final = rubrics.load(ROOT / "prompts").supporter
ALL: Final = Consents(keep=True, research=True, train=True)
ANNA, BEN = "anna", "ben"


def exporter(store: Store) -> Exporter:
    return Exporter(store, PROMPT)


async def reply_to(
    store: Store,
    owner: str,
    turn_id: UUID,
    response: str,
    level: float | None = None,
    *,
    analysis: str = "They feel unseen.",
    status: ReplyStatus = ReplyStatus.COMPLETE,
    crisis: str | None = None,
    judge: str = "a judge",
    model: str = "a model",
) -> Reply:
    """One more reply. `level` (1 to 5): what all four perspectives give it; None: not judged."""
    new = NewReply(engine="scripted", model=model, prompt_hash=PROMPT.hash)
    reply = await store.add_reply(owner, turn_id, new)
    raw = f"# Analysis\n{analysis}\n\n# Response\n{response}" if analysis else response
    update = ReplyUpdate(
        status=status,
        raw=raw,
        analysis=analysis,
        response=response,
        crisis=crisis,
        usage=Usage(completion_tokens=40),
    )
    await store.update_reply(owner, reply.id, update)
    if level is not None:
        await judged(store, owner, reply.id, level, judge)
    return await store.reply(owner, reply.id)


async def judged(store: Store, owner: str, reply_id: UUID, level: float, judge: str) -> None:
    for seat in Perspective:
        verdict = Verdict(
            perspective=seat,
            method=Method.DIRECT,
            status=Status.SCORED,
            score=level * 20 if seat is Perspective.BYSTANDER else level,
            judge_model=judge,
            prompt_hash=f"hash of {seat}",
        )
        await store.save_verdict(owner, reply_id, verdict)
    reward = reward_of((await store.reply(owner, reply_id)).binding, RewardSettings())
    assert reward is not None
    await store.save_reward(owner, reply_id, reward)


async def talk(
    store: Store, owner: str = ANNA, *, consents: Consents = ALL, word: str = "talk"
) -> UUID:
    """Two turns. To the first a good reply that was picked, and a poor one with a thumb down and
    better words; to the second one reply with a thumb up.
    """
    place = await store.create_conversation(owner, f"a nurse, {word}", f"nights, {word}", consents)
    first = await store.add_turn(owner, place.id, f"I am so tired, {word}.", None)
    poor = await reply_to(store, owner, first.id, f"Sleep more, {word}.", 2.0)
    good = await reply_to(store, owner, first.id, f"Twelve hours on your feet, {word}.", 4.0)
    await store.pick_reply(owner, good.id, PickedBy.PERSON)
    better = FeedbackInput(thumb=-1, better=f"That was a long night, {word}.")
    await store.save_feedback(owner, poor.id, better)
    second = await store.add_turn(owner, place.id, f"Nobody asks, {word}.", good.id)
    last = await reply_to(store, owner, second.id, f"I am asking, {word}.", 3.5)
    await store.save_feedback(owner, last.id, FeedbackInput(thumb=1, reception=4))
    return place.id
