"""A session that plays scripts: what a page would see, without engines, judges or a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from chat.events import (
    AnalysisDelta,
    AnalysisDone,
    JudgingStarted,
    ReplyDone,
    ResponseDelta,
    RewardReady,
    TurnEnded,
    TurnEvent,
    TurnFailed,
    TurnSaved,
    VerdictLanded,
    Waiting,
)
from chat.store import NotFound
from chat.store.records import (
    Consents,
    Conversation,
    Reply,
    ReplyStatus,
    SavedVerdict,
    Timings,
    Turn,
)
from perm.types import (
    BYSTANDER_PARTS,
    Method,
    Part,
    Perspective,
    Reward,
    Status,
    Unscored,
    Usage,
    Verdict,
)

NOW = datetime(2026, 1, 5, 14, 2, tzinfo=UTC)
ANALYSIS = "The joke about the casserole carries what she cannot say yet."
RESPONSE = "Eleven seconds, and forty times. That sounds like a way of staying close to her."


def scored(perspective: Perspective, score: float, **more: object) -> Verdict:
    """A scored verdict; the bystander's five parts share its score."""
    if perspective is Perspective.BYSTANDER:
        more.setdefault("parts", dict.fromkeys(BYSTANDER_PARTS, score / 5))
    values: dict[str, object] = {
        "perspective": perspective,
        "method": Method.DIRECT,
        "status": Status.SCORED,
        "score": score,
        "judge_model": "a-judge",
        **more,
    }
    return Verdict.model_validate(values)


def unscored(perspective: Perspective, why: Unscored, error: str | None = None) -> Verdict:
    return Verdict(
        perspective=perspective,
        method=Method.DIRECT,
        status=Status.UNSCORED,
        unscored=why,
        error=error,
        judge_model="a-judge",
    )


def four(resonation: float = 4.2, bystander: float = 78.0) -> list[Verdict]:
    """One scored verdict of each perspective; the first has a distribution."""
    levels = {"1": 0.02, "2": 0.03, "3": 0.1, "4": 0.45, "5": 0.4}
    return [
        scored(Perspective.RESONATION, resonation, distribution=levels, mass=0.99),
        scored(Perspective.EXPRESSION, 3.6),
        scored(Perspective.RECEPTION, 4.0, method=Method.REASONED, reason="It stays with her."),
        scored(Perspective.BYSTANDER, bystander),
    ]


def reward(total: float = 0.76) -> Reward:
    return Reward(empathy=total + 0.02, bystander=-0.02, length=0.0, total=total)


def reply(
    turn_id: UUID,
    verdicts: Sequence[Verdict] = (),
    *,
    number: int = 1,
    **changes: object,
) -> Reply:
    """A complete reply with these verdicts, and a reward where all four are scored."""
    reply_id = uuid4()
    values: dict[str, object] = {
        "id": reply_id,
        "turn_id": turn_id,
        "number": number,
        "status": ReplyStatus.COMPLETE,
        "engine": "scripted",
        "model": "a-model",
        "prompt_hash": "0123456789abcdef",
        "raw": "",
        "analysis": ANALYSIS,
        "response": RESPONSE,
        "usage": Usage(completion_tokens=60),
        "timings": Timings(first_token=0.5, response_complete=3.5),
        "created_at": NOW,
        "verdicts": tuple(
            SavedVerdict(id=uuid4(), reply_id=reply_id, created_at=NOW, verdict=one)
            for one in verdicts
        ),
        "reward": reward() if sum(one.scored for one in verdicts) == 4 else None,
        **changes,
    }
    return Reply.model_validate(values)


def turn(number: int = 1, verdicts: Sequence[Verdict] = (), **changes: object) -> Turn:
    """A turn with one reply. `changes` go to the turn."""
    turn_id = uuid4()
    values: dict[str, object] = {
        "id": turn_id,
        "conversation_id": uuid4(),
        "parent_reply_id": None,
        "number": number,
        "message": f"Message {number}",
        "created_at": NOW,
        "replies": (reply(turn_id, verdicts),),
        **changes,
    }
    return Turn.model_validate(values)


def conversation(owner: str = "ann", **changes: object) -> Conversation:
    values: dict[str, object] = {
        "id": uuid4(),
        "owner": owner,
        "title": "A conversation",
        "persona": "",
        "scenario": "",
        "consents": Consents(),
        "created_at": NOW,
        "updated_at": NOW,
        **changes,
    }
    return Conversation.model_validate(values)


class FakeSession:
    """Holds one owner's conversations and plays `script` for every new turn.

    A number in a script is a pause in seconds; everything else is an event.
    """

    def __init__(self) -> None:
        self.places: dict[UUID, Conversation] = {}
        self.paths: dict[UUID, list[Turn]] = {}
        self.running: dict[UUID, list[TurnEvent | float]] = {}

    def add(self, place: Conversation, *turns: Turn) -> Conversation:
        self.places[place.id] = place
        self.paths[place.id] = list(turns)
        return place

    async def conversation(self, owner: str, conversation_id: UUID) -> Conversation:
        place = self.places.get(conversation_id)
        if place is None or place.owner != owner:
            raise NotFound("conversation")
        return place

    async def path(self, owner: str, conversation_id: UUID) -> list[Turn]:
        await self.conversation(owner, conversation_id)
        return list(self.paths[conversation_id])

    async def siblings(self, owner: str, turn_id: UUID) -> list[UUID]:
        return [turn_id]

    async def is_running(self, owner: str, conversation_id: UUID) -> bool:
        return conversation_id in self.running

    async def follow(self, owner: str, conversation_id: UUID) -> AsyncIterator[TurnEvent]:
        async for event in play(self.running[conversation_id]):
            yield event


async def play(script: Sequence[TurnEvent | float]) -> AsyncIterator[TurnEvent]:
    """The script's events with its pauses, and its end."""
    for step in script:
        if isinstance(step, float | int):
            await asyncio.sleep(step)
        else:
            yield step
    yield TurnEnded()


def good_turn(place: Conversation, number: int = 1) -> list[TurnEvent | float]:
    """A whole turn that goes well, with a wait at its start."""
    turn_id, reply_id = uuid4(), uuid4()
    return [
        TurnSaved(conversation_id=place.id, turn_id=turn_id, reply_id=reply_id, number=number),
        Waiting(why="The model is loading."),
        *(AnalysisDelta(text=word + " ") for word in ANALYSIS.split()),
        AnalysisDone(analysis=ANALYSIS),
        JudgingStarted(reply_id=reply_id, perspectives=(Perspective.RESONATION,)),
        *(ResponseDelta(text=word + " ") for word in RESPONSE.split()),
        ReplyDone(status=ReplyStatus.COMPLETE, analysis=ANALYSIS, response=RESPONSE),
        JudgingStarted(reply_id=reply_id, perspectives=tuple(Perspective)[1:]),
        *(VerdictLanded(reply_id=reply_id, verdict=one) for one in four()),
        RewardReady(reply_id=reply_id, reward=reward()),
    ]


def failed_turn(place: Conversation) -> list[TurnEvent | float]:
    """The model dies in the middle of its Response."""
    return [
        TurnSaved(conversation_id=place.id, turn_id=uuid4(), reply_id=uuid4(), number=1),
        AnalysisDone(analysis=ANALYSIS),
        ResponseDelta(text="Eleven seconds, and "),
        TurnFailed(part=Part.ENGINE, what="The model ended.", todo="Try again.", saved=True),
        ReplyDone(status=ReplyStatus.INCOMPLETE, analysis=ANALYSIS, response="Eleven seconds, and"),
    ]
