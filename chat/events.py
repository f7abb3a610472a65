"""The small typed events of one turn, in the order in which they can come.

`TurnSaved`, then `Waiting` any number of times, then deltas, then `ReplyDone`; verdicts may land
from the moment the Analysis is complete; then `RewardReady`; always last `TurnEnded`. A message
with several candidates has a `TurnSaved` for each of them first, and then all this for each,
interleaved as it comes: `reply_id` says whose it is.
Between a Response's deltas there may be `ProvisionalScore`s, none after its `ReplyDone`.
A `TurnFailed` stands for whatever could not happen. Every event is a plain record, ready for JSON.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from chat.store.records import ReplyStatus, Timings
from perm.types import Method, Part, Perspective, Reward, Usage, Value, Verdict


class TurnSaved(Value):
    """The seeker's message is on disk (or in memory, where nothing may be kept)."""

    event: Literal["turn_saved"] = "turn_saved"
    conversation_id: UUID
    turn_id: UUID
    reply_id: UUID
    number: int
    turns_left_out: int = 0
    crisis: str | None = None
    seed: int | None = None  # of a candidate: each one's tokens are drawn by another


class Waiting(Value):
    """Nothing is generated yet, and why: 'the model is loading', 'two people are before you'."""

    event: Literal["waiting"] = "waiting"
    why: str


class AnalysisDelta(Value):
    event: Literal["analysis_delta"] = "analysis_delta"
    text: str
    reply_id: UUID | None = None


class ResponseDelta(Value):
    event: Literal["response_delta"] = "response_delta"
    text: str
    reply_id: UUID | None = None


class AnalysisDone(Value):
    event: Literal["analysis_done"] = "analysis_done"
    analysis: str
    reply_id: UUID | None = None


class ReplyDone(Value):
    """The reply is as complete as it will be, and saved."""

    event: Literal["reply_done"] = "reply_done"
    reply_id: UUID | None = None
    status: ReplyStatus
    analysis: str
    response: str
    usage: Usage = Usage()
    timings: Timings = Timings()
    crisis: str | None = None  # of the reply's own text


class JudgingStarted(Value):
    event: Literal["judging_started"] = "judging_started"
    reply_id: UUID
    method: Method = Method.DIRECT
    perspectives: tuple[Perspective, ...]


class VerdictLanded(Value):
    """One verdict, saved before it was told."""

    event: Literal["verdict_landed"] = "verdict_landed"
    reply_id: UUID
    verdict: Verdict


class ProvisionalScore(Value):
    """What a Response is worth so far, on an engine that is fast enough to be asked meanwhile.

    An event of its own, and no `Verdict`, so that nobody takes it for one: it is not saved, does
    not bind, and enters no reward, mean or export. The latest of a perspective stands until the
    perspective's verdict lands. `heard`: how many characters of the Response were judged.
    """

    event: Literal["provisional_score"] = "provisional_score"
    reply_id: UUID
    perspective: Perspective
    score: float
    heard: int


class RewardReady(Value):
    """The reward from saved verdicts; None with the missing perspectives where it needs more."""

    event: Literal["reward_ready"] = "reward_ready"
    reply_id: UUID
    reward: Reward | None
    missing: tuple[Perspective, ...] = ()


class TurnFailed(Value):
    """What happened, in which part, what to do next. Nothing the person wrote is lost."""

    event: Literal["turn_failed"] = "turn_failed"
    part: Part
    what: str
    todo: str
    saved: bool  # is the seeker's message in the store?
    wait: int | None = None  # seconds until it may be tried again, where that is why


class TurnEnded(Value):
    event: Literal["turn_ended"] = "turn_ended"


TurnEvent = (
    TurnSaved
    | Waiting
    | AnalysisDelta
    | ResponseDelta
    | AnalysisDone
    | ReplyDone
    | JudgingStarted
    | ProvisionalScore
    | VerdictLanded
    | RewardReady
    | TurnFailed
    | TurnEnded
)
