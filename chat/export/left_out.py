"""What is left out of an export, and why: every reason is counted, none is silent."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Final, NamedTuple


class Unit(StrEnum):
    CONVERSATION = "conversation"
    TURN = "turn"
    REPLY = "reply"
    PAIR = "pair"


class Why(StrEnum):
    NO_CONSENT = "no_consent"
    NOT_KEPT = "not_kept"
    CRISIS = "crisis"
    AFTER_CRISIS = "after_crisis"
    CRISIS_REPLY = "crisis_reply"
    OTHER_DATE = "other_date"
    NO_REPLY = "no_reply"
    OTHER_MODEL = "other_model"
    UNFINISHED = "unfinished"
    NO_ANALYSIS = "no_analysis"
    EMPTY = "empty"
    NOT_CHOSEN = "not_chosen"
    NOT_LIKED = "not_liked"
    LOW_REWARD = "low_reward"
    NO_THUMB = "no_thumb"
    DISAGREED = "disagreed"
    UNSCORED = "unscored"
    NOTHING_TO_COMPARE = "nothing_to_compare"
    UNDECIDED = "undecided"
    SAME_WORDS = "same_words"
    SMALL_GAP = "small_gap"
    OTHER_JUDGE = "other_judge"
    PERSON_SAID = "person_said"


class Reason(NamedTuple):
    unit: Unit
    text: str


REASONS: Final = {
    Why.NO_CONSENT: Reason(Unit.CONVERSATION, "there is no consent to this use"),
    Why.NOT_KEPT: Reason(Unit.CONVERSATION, "they are not kept"),
    Why.CRISIS: Reason(Unit.TURN, "the message, or every reply, spoke of a crisis"),
    Why.AFTER_CRISIS: Reason(Unit.TURN, "they follow a turn that spoke of a crisis"),
    Why.OTHER_DATE: Reason(Unit.TURN, "they were not in the days asked for"),
    Why.NO_REPLY: Reason(Unit.TURN, "no reply to them can be used"),
    Why.CRISIS_REPLY: Reason(Unit.REPLY, "they spoke of a crisis"),
    Why.OTHER_MODEL: Reason(Unit.REPLY, "another model wrote them"),
    Why.UNFINISHED: Reason(Unit.REPLY, "they were stopped, cut short, or broke off"),
    Why.NO_ANALYSIS: Reason(Unit.REPLY, "they have no Analysis"),
    Why.EMPTY: Reason(Unit.REPLY, "they are empty"),
    Why.NOT_CHOSEN: Reason(Unit.REPLY, "another reply was gone on with"),
    Why.NOT_LIKED: Reason(Unit.REPLY, "a thumb is down and nobody gave better words"),
    Why.LOW_REWARD: Reason(Unit.REPLY, "their reward is below the least asked for, or unknown"),
    Why.NO_THUMB: Reason(Unit.REPLY, "nobody gave a thumb"),
    Why.DISAGREED: Reason(Unit.REPLY, "as many thumbs are up as down"),
    Why.UNSCORED: Reason(Unit.REPLY, "no perspective is scored and nobody rated them"),
    Why.NOTHING_TO_COMPARE: Reason(Unit.TURN, "they have one reply and no better words for it"),
    Why.UNDECIDED: Reason(Unit.PAIR, "neither was preferred, or raters were evenly divided"),
    Why.SAME_WORDS: Reason(Unit.PAIR, "both say the same"),
    Why.SMALL_GAP: Reason(Unit.PAIR, "the gap between their rewards is below the margin"),
    Why.OTHER_JUDGE: Reason(Unit.PAIR, "their rewards are unknown or of different judges"),
    Why.PERSON_SAID: Reason(Unit.PAIR, "a person has compared them, which counts for more"),
}

Tally = Counter[Why]
"""How much was left out, by reason."""


def in_words(tally: Tally) -> list[tuple[int, str, str]]:
    """Number, unit and reason, as one reads them: 2, "turns", "they follow ..."."""
    return [
        (tally[why], unit if tally[why] == 1 else f"{unit}s", text)
        for why, (unit, text) in REASONS.items()
        if tally[why]
    ]
