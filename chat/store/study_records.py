"""What the store gives and takes of comparisons: picks among candidates, studies, votes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import model_validator

from perm.types import Value


class PickedBy(StrEnum):
    """How one of a turn's replies came to be the one that is gone on with."""

    PERSON = "person"
    REWARD = "reward"  # the highest of the turn


class Side(StrEnum):
    """Which contestant; what a rater sees as left or right is drawn for each comparison."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Side:
        return Side.B if self is Side.A else Side.A


class Choice(StrEnum):
    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"  # equally good
    BOTH_BAD = "both_bad"


class Margin(StrEnum):
    SLIGHT = "slight"
    CLEAR = "clear"


class StudyKind(StrEnum):
    STUDY = "study"  # fixed prompts, the same for every rater
    OWN = "own"  # its owner writes a message, compares, and learns who was who


class Contestant(Value):
    """One of the two: a model with a version of the supporter's prompt. `name`: for people."""

    name: str
    model: str
    prompt_hash: str


class StudyPrompt(Value):
    """What both contestants answer."""

    persona: str = ""
    scenario: str = ""
    message: str


class NewStudy(Value):
    """`research`, `train`: what may be done with its conversations; kept they are in any case."""

    name: str
    kind: StudyKind = StudyKind.STUDY
    a: Contestant
    b: Contestant
    research: bool = False
    train: bool = False


class Study(NewStudy):
    id: UUID
    owner: str
    token: str
    closed: bool = False
    created_at: datetime

    def contestant(self, side: Side) -> Contestant:
        return self.a if side is Side.A else self.b


class StudySummary(Value):
    """A study in its owner's list, with how far it is."""

    study: Study
    items: int
    ready: int
    failed: int
    raters: int
    votes: int


class Item(Value):
    """One prompt of a study. Without replies it still waits, or failed for the reason given."""

    id: UUID
    study_id: UUID
    number: int
    conversation_id: UUID
    message: str
    a_reply_id: UUID | None = None
    b_reply_id: UUID | None = None
    error: str | None = None

    @property
    def ready(self) -> bool:
        return self.a_reply_id is not None


class Progress(Value):
    """How far one rater is. `ready`: how many of those left can be rated now."""

    joined: bool
    done: int = 0
    total: int = 0
    ready: int = 0


class Sheet(Value):
    """All that a rater may see of a comparison before the vote: texts, and no more.

    The replies are as they were written; whoever shows them masks them.
    """

    comparison_id: UUID
    place: int
    persona: str
    scenario: str
    message: str
    crisis: str | None
    left: str
    right: str


class NewVote(Value):
    """`margin` belongs to left and right, and to them alone."""

    choice: Choice
    margin: Margin | None = None
    why: str | None = None

    @model_validator(mode="after")
    def _margin_where_one_won(self) -> Self:
        if (self.choice in {Choice.LEFT, Choice.RIGHT}) != (self.margin is not None):
            raise ValueError("left and right need a margin, tie and both_bad have none")
        return self


class Ballot(Value):
    """One vote with all that results need. `winner` is None for a tie and for both bad.

    `rater`: a number within the study, never who it is. Rewards are None where not all four
    perspectives are scored.
    """

    study_id: UUID
    comparison_id: UUID
    item: int
    rater: int
    left: Side
    choice: Choice
    margin: Margin | None
    why: str | None
    voted_at: datetime
    turn_id: UUID
    a_reply_id: UUID
    b_reply_id: UUID
    a_length: int
    b_length: int
    a_reward: float | None = None
    b_reward: float | None = None

    @property
    def winner(self) -> Side | None:
        if self.choice is Choice.LEFT:
            return self.left
        return self.left.other if self.choice is Choice.RIGHT else None
