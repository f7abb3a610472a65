"""Conversations of one length: each message, Analysis and Response has as many words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from perm.judges import contexts_for
from perm.parsing import SupporterOutput
from perm.rubrics import Rubrics
from perm.types import Exchange, JudgeContext, Perspective

PERSONA: Final = "Amara, 34, a chemistry teacher, the eldest of three, who jokes when it hurts."
SCENARIO: Final = "Her mother died seven weeks ago, and she has gone back to work since then."

_SAID: Final = (
    "Today the staff room was quiet when I came in late.",
    "I found her old scarf again and could not let go.",
    "My brother called twice and I let it ring both times.",
    "Everybody says how well I do and I nod every time.",
    "Last night I sat on the stairs until it was two.",
    "I cooked her dish and threw it away in the end.",
    "The children in my class made a card with a sun.",
)
_ANSWERED: Final = (
    "That silence must have felt so heavy to walk into alone.",
    "You held on to what still smells a little of home.",
    "It sounds as if there was no voice left for him.",
    "Nodding is tiring when nobody sees what lies under it now.",
    "Two in the morning is a lonely hour on cold stairs.",
    "You wanted her at the table and the dish said no.",
    "What was it like to hold that sun in your hands?",
)
_COUNT: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def message(number: int) -> str:
    """What the seeker says in turn `number`, three sentences."""
    return _three(_SAID, number)


def response(number: int) -> str:
    return _three(_ANSWERED, number + 2)


def analysis(number: int) -> str:
    return _three(_ANSWERED, number + 4).replace("You", "She").replace("your", "her")


def exchanges(turns: int) -> tuple[Exchange, ...]:
    """The first turns of the conversation."""
    return tuple(
        Exchange(message=message(one), response=response(one)) for one in range(1, turns + 1)
    )


def contexts(turn: int, persona: str = PERSONA) -> dict[Perspective, JudgeContext]:
    """What the four judges see of turn `turn` (1-based): all earlier ones stand before it."""
    output = SupporterOutput(analysis=analysis(turn), response=response(turn), formatted=True)
    return contexts_for(persona, SCENARIO, message(turn), output, exchanges(turn - 1))


def alone(context: JudgeContext) -> JudgeContext:
    """The same turn without those before it, as the paper's protocol shows it."""
    return context.model_copy(update={"history": ()})


def unread(rubrics: Rubrics, mark: str) -> Rubrics:
    """The same rubrics, of which no server has computed a beginning yet."""
    judges = {
        one: rubrics[one].model_copy(update={"system": f"({mark}) {rubrics[one].system}"})
        for one in Perspective
    }
    return rubrics.model_copy(update={"judges": judges})


def _three(sentences: Sequence[str], number: int) -> str:
    picked = [sentences[(number + step) % len(sentences)] for step in (0, 2, 3)]
    return f"Part {_COUNT[number // 7 % 10]}. {' '.join(picked)}"
