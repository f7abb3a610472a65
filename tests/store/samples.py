"""Records with every field set, and short ways to what tests need."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chat.store import (
    Consents,
    Conversation,
    FeedbackInput,
    NewReply,
    Reply,
    ReplyStatus,
    ReplyUpdate,
    Store,
    Timings,
    Turn,
)
from perm.types import (
    BYSTANDER_PARTS,
    Method,
    Perspective,
    Reward,
    RewardMode,
    RewardSettings,
    Status,
    Unscored,
    Usage,
    Verdict,
)

ANNA, BEN = "anna", "ben"
KEEP = Consents(keep=True)
USAGE = Usage(prompt_tokens=321, completion_tokens=45, cached_tokens=300)

NEW_REPLY = NewReply(
    engine="scripted",
    model="a model",
    prompt_hash="c0ffee",
    sampling={"temperature": 0.7, "stop": ["a", "b"], "seed": None},
    request=({"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}),
    turns_left_out=4,
)
COMPLETE = ReplyUpdate(
    status=ReplyStatus.COMPLETE,
    raw="# Analysis\na\n# Response\nb",
    analysis="a",
    response="b",
    error="a hiccup",
    crisis="self_harm",
    usage=USAGE,
    timings=Timings(first_token=0.5, analysis_complete=1.25, response_complete=3.5),
)
SCORED = Verdict(
    perspective=Perspective.BYSTANDER,
    method=Method.REASONED,
    status=Status.SCORED,
    score=61.0,
    parts=dict(zip(BYSTANDER_PARTS, (12.0, 13.0, 11.0, 14.0, 11.0), strict=True)),
    distribution={"5": 0.1, "4": 0.9},
    mass=0.97,
    reason="It is clear.",
    raw="Total Score: 61 / 100",
    judge_model="a judge",
    prompt_hash="beef",
    request="[system] …",
    usage=USAGE,
    seconds=1.5,
    attempts=2,
)
UNSCORED = Verdict(
    perspective=Perspective.RESONATION,
    method=Method.DIRECT,
    status=Status.UNSCORED,
    unscored=Unscored.ENGINE,
    error="The judge did not answer.",
)
REWARD = Reward(
    empathy=0.74,
    bystander=-0.039,
    length=-0.1,
    total=0.601,
    settings=RewardSettings(mode=RewardMode.MEAN, resonation_weight=2.0, length_coefficient=0.001),
)
FEEDBACK = FeedbackInput(
    thumb=-1,
    resonation=2,
    expression=3,
    reception=4,
    bystander=55,
    reasons=("too long", "cold"),
    better="I hear you.",
    comment="Nearly.",
)


def scored(perspective: Perspective, score: float, **more: Any) -> Verdict:
    return Verdict(
        perspective=perspective, method=Method.DIRECT, status=Status.SCORED, score=score, **more
    )


async def begin(store: Store, owner: str = ANNA, **more: Any) -> Conversation:
    return await store.create_conversation(owner, "a nurse", "a long night", KEEP, **more)


async def say(
    store: Store, place: UUID, message: str = "hello", after: UUID | None = None, owner: str = ANNA
) -> tuple[Turn, Reply]:
    """A turn with one complete reply."""
    turn = await store.add_turn(owner, place, message, after)
    return turn, await answer(store, turn.id, owner)


async def answer(store: Store, turn_id: UUID, owner: str = ANNA) -> Reply:
    reply = await store.add_reply(owner, turn_id, NEW_REPLY)
    await store.update_reply(owner, reply.id, COMPLETE)
    return await store.reply(owner, reply.id)


async def talk(store: Store, place: UUID, length: int, owner: str = ANNA) -> list[Turn]:
    """A conversation of `length` turns, each with one reply."""
    after = None
    for number in range(length):
        _, reply = await say(store, place, f"message {number + 1}", after, owner)
        after = reply.id
    return await store.path(owner, place)
