"""What one page shows of a conversation, as a value; each event gives the next one.

Pure: no clock, no store, no Gradio. The store's records are the only shape that is shown, so a turn
looks the same while it runs and after a reload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from chat.answering import JUDGED
from chat.events import (
    AnalysisDelta,
    AnalysisDone,
    JudgingStarted,
    ProvisionalScore,
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
from chat.store.records import Conversation, Reply, ReplyStatus, SavedVerdict, Turn
from perm.types import Perspective, Value


class Activity(StrEnum):
    """What goes on in the open conversation."""

    IDLE = "idle"
    WRITING = "writing"
    JUDGING = "judging"


class Scene(Value):
    """`turns` is the open path. `judging` says, for each reply, which perspectives are being asked.

    `so_far` holds provisional scores, which are shown until their verdict lands, and nothing else.
    `turn_id` is the turn that a person chose to look at; None follows the newest. `versions` holds,
    for the turns that were edited, the ids of all turns at the same place, oldest first.
    """

    conversation: Conversation | None = None
    turns: tuple[Turn, ...] = ()
    turn_id: UUID | None = None
    versions: Mapping[UUID, tuple[UUID, ...]] = Field(default_factory=dict)
    writing: UUID | None = None  # the reply that is being written, the first of several
    wanted: int = 1  # how many replies the next message gets
    beside: tuple[UUID, ...] = ()  # further candidates that are being written beside it
    message: str = ""  # what is about to be saved as a turn
    waiting: str = ""
    judging: Mapping[UUID, frozenset[Perspective]] = Field(default_factory=dict)
    so_far: Mapping[UUID, Mapping[Perspective, float]] = Field(default_factory=dict)
    failure: TurnFailed | None = None
    editing: UUID | None = None  # the turn whose message lies in the box to be changed
    whole: bool = False  # show the earliest turns too
    veiled: frozenset[UUID] = frozenset()  # replies whose judgement is hidden from a rater

    @property
    def turn(self) -> Turn | None:
        """The turn that the panel shows: the chosen one, else the newest."""
        chosen = next((turn for turn in self.turns if turn.id == self.turn_id), None)
        return chosen or (self.turns[-1] if self.turns else None)

    @property
    def reply(self) -> Reply | None:
        """The chosen reply of that turn."""
        return self.turn.chosen if self.turn else None

    @property
    def activity(self) -> Activity:
        if self.writing is not None:
            return Activity.WRITING
        return Activity.JUDGING if any(self.judging.values()) else Activity.IDLE

    @property
    def crisis(self) -> bool:
        """Whether the check saw a crisis anywhere on the open path."""
        return any(in_crisis(turn) for turn in self.turns)

    def asked(self, reply: Reply) -> frozenset[Perspective]:
        """The perspectives that are being judged for a reply right now."""
        return self.judging.get(reply.id, frozenset())

    def provisional(self, reply_id: UUID) -> Mapping[Perspective, float]:
        """What a reply's Response was worth so far, where no verdict has taken its place."""
        return self.so_far.get(reply_id, {})


def in_crisis(turn: Turn) -> bool:
    """Whether the check saw a crisis in the message or in the reply that is shown."""
    return turn.crisis is not None or (turn.chosen is not None and turn.chosen.crisis is not None)


def after(scene: Scene, event: TurnEvent, now: datetime) -> Scene:
    """The scene once the event has happened. `now` dates what the event itself does not date."""
    match event:
        case TurnSaved():
            scene = _saved(scene, event, now)
        case Waiting(why=why):
            scene = scene.model_copy(update={"waiting": why})
        case AnalysisDelta(text=text, reply_id=reply_id):
            scene = _written(scene, reply_id, analysis=text)
        case ResponseDelta(text=text, reply_id=reply_id):
            scene = _written(scene, reply_id, response=text)
        case AnalysisDone(analysis=analysis, reply_id=reply_id):
            scene = _changed(scene, reply_id or scene.writing, analysis=analysis)
        case ReplyDone():
            scene = _done(scene, event)
        case JudgingStarted(reply_id=reply_id, perspectives=perspectives):
            asked = scene.judging.get(reply_id, frozenset()) | frozenset(perspectives)
            scene = _asked(scene, reply_id, asked)
        case ProvisionalScore(reply_id=reply_id, perspective=perspective, score=score):
            scene = _so_far(scene, reply_id, {**scene.provisional(reply_id), perspective: score})
        case VerdictLanded():
            scene = _landed(scene, event, now)
        case RewardReady(reply_id=reply_id, reward=reward):
            scene = _so_far(_asked(scene, reply_id, frozenset()), reply_id, {})
            scene = _changed(scene, reply_id, reward=reward)
        case TurnFailed():
            scene = scene.model_copy(update={"failure": event, "waiting": ""})
        case TurnEnded():
            pass  # nothing of it is shown; whoever watches reads the store again
    return scene


def _saved(scene: Scene, event: TurnSaved, now: datetime) -> Scene:
    reply = Reply(
        id=event.reply_id,
        turn_id=event.turn_id,
        number=1,
        status=ReplyStatus.WRITING,
        engine="",
        model="",
        prompt_hash="",
        sampling={} if event.seed is None else {"seed": event.seed},
        turns_left_out=event.turns_left_out,
        created_at=now,
    )
    known = next((turn for turn in scene.turns if turn.id == event.turn_id), None)
    if known is None:
        earlier = scene.turns[: event.number - 1]
        turn = Turn(
            id=event.turn_id,
            conversation_id=event.conversation_id,
            parent_reply_id=None,
            number=event.number,
            message=scene.message,
            crisis=event.crisis,
            created_at=now,
            replies=(reply,),
        )
    elif scene.writing is not None and event.seed is not None:
        return _beside(scene, known, reply)
    else:
        earlier = scene.turns[: scene.turns.index(known)]
        others = [other for other in known.replies if other.id != reply.id]
        passed_over = [other.model_copy(update={"chosen": False}) for other in others]
        reply = reply.model_copy(update={"number": len(others) + 1})
        turn = known.model_copy(update={"replies": (*passed_over, reply)})
    return scene.model_copy(
        update={
            "turns": (*earlier, turn),
            "turn_id": None,
            "writing": event.reply_id,
            "beside": (),
            "waiting": "",
            "failure": None,
            "editing": None,
        }
    )


def _beside(scene: Scene, turn: Turn, reply: Reply) -> Scene:
    """One more candidate beside the first, which stays the chosen one."""
    more = reply.model_copy(update={"number": len(turn.replies) + 1, "chosen": False})
    turns = tuple(
        one.model_copy(update={"replies": (*one.replies, more)}) if one.id == turn.id else one
        for one in scene.turns
    )
    return scene.model_copy(update={"turns": turns, "beside": (*scene.beside, reply.id)})


def _written(scene: Scene, reply_id: UUID | None, analysis: str = "", response: str = "") -> Scene:
    def more(reply: Reply) -> Reply:
        return reply.model_copy(
            update={
                "analysis": reply.analysis + analysis,
                "response": reply.response + response,
            }
        )

    reading = scene.model_copy(update={"waiting": ""})
    return _with_reply(reading, reply_id or scene.writing, more)


def _done(scene: Scene, event: ReplyDone) -> Scene:
    reply_id = event.reply_id or scene.writing
    done = _changed(
        scene,
        reply_id,
        status=event.status,
        analysis=event.analysis,
        response=event.response,
        usage=event.usage,
        timings=event.timings,
        crisis=event.crisis,
    )
    if reply_id is not None and event.status not in JUDGED:
        done = _so_far(done, reply_id, {})  # no verdict will come to replace them
    left = [one for one in (scene.writing, *scene.beside) if one not in {None, reply_id}]
    first = left[0] if left else None
    return done.model_copy(update={"writing": first, "beside": tuple(left[1:]), "waiting": ""})


def _landed(scene: Scene, event: VerdictLanded, now: datetime) -> Scene:
    # The saved row's own id is never shown, so the reply's stands in until the store is read again.
    saved = SavedVerdict(
        id=event.reply_id, reply_id=event.reply_id, created_at=now, verdict=event.verdict
    )
    landed = event.verdict.perspective
    left = scene.judging.get(event.reply_id, frozenset()) - {landed}
    before = scene.provisional(event.reply_id)
    scene = _so_far(scene, event.reply_id, {one: before[one] for one in before if one != landed})
    return _with_reply(
        _asked(scene, event.reply_id, left),
        event.reply_id,
        lambda reply: reply.model_copy(update={"verdicts": (*reply.verdicts, saved)}),
    )


def _asked(scene: Scene, reply_id: UUID, asked: frozenset[Perspective]) -> Scene:
    return scene.model_copy(update={"judging": {**scene.judging, reply_id: asked}})


def _so_far(scene: Scene, reply_id: UUID, scores: Mapping[Perspective, float]) -> Scene:
    others = {other: held for other, held in scene.so_far.items() if other != reply_id}
    return scene.model_copy(update={"so_far": {**others, reply_id: scores} if scores else others})


def _changed(scene: Scene, reply_id: UUID | None, **changes: object) -> Scene:
    return _with_reply(scene, reply_id, lambda reply: reply.model_copy(update=changes))


def _with_reply(scene: Scene, reply_id: UUID | None, change: Callable[[Reply], Reply]) -> Scene:
    turns = tuple(
        turn.model_copy(
            update={
                "replies": tuple(
                    change(reply) if reply.id == reply_id else reply for reply in turn.replies
                )
            }
        )
        if any(reply.id == reply_id for reply in turn.replies)
        else turn
        for turn in scene.turns
    )
    return scene.model_copy(update={"turns": turns})
