"""What the scripted judge says in the offline demo: verdicts that look right and mean nothing.

They follow the text's length, its questions and how far it takes up the seeker's words, so that
they vary from turn to turn as a judge's do. Reasons are data (assets/scripted/judge.toml).
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from chat.engines.scripted_model import Output
from perm.fencing import MARK
from perm.rubrics import Rubrics
from perm.types import BYSTANDER_PARTS, Method, Perspective

Remarks = Mapping[str, Sequence[str]]
"""What can be said of a `low`, `middle` or `high` quality."""

DELAY: Final = 0.2
"""Seconds before the first token, and up to twice as many: verdicts then land one by one."""

_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_SPREAD: Final = 0.7  # standard deviation of the direct method's levels
_MASS: Final = 0.985  # of the probability that lies on the five levels
_BEST_WORDS: Final = (35, 90)  # a reply of this many words is neither curt nor long-winded


def load_remarks(file: Path) -> Mapping[str, Remarks]:
    """By perspective, and `part` for each of the bystander's five."""
    found: dict[str, Remarks] = tomllib.loads(file.read_text("utf-8"))
    return found


class ScriptedJudge:
    """Answers a judge's prompt in the format that it asks for."""

    def __init__(self, rubrics: Rubrics, texts: Mapping[str, Remarks], pace: float) -> None:
        self._rubrics = rubrics
        self._texts = texts
        self._pace = pace

    def perspective(self, messages: Sequence[BaseMessage]) -> Perspective | None:
        """Whose seat is asked for; None where it is no judge's prompt."""
        system = next((one.text for one in messages if isinstance(one, SystemMessage)), "")
        return next((one for one in Perspective if self._rubrics[one].system == system), None)

    def answer(self, messages: Sequence[BaseMessage], perspective: Perspective) -> Output:
        asked = next(one.text for one in reversed(messages) if isinstance(one, HumanMessage))
        quotes = list(_quotes(asked))
        part = quotes[-1] if quotes else asked
        message = quotes[-2] if len(quotes) > 1 else ""
        quality = _quality(part, message, perspective)
        rubric = self._rubrics[perspective]
        direct = asked.endswith(rubric.asks[Method.DIRECT])
        if perspective is Perspective.BYSTANDER:
            said = self._bystander(part, quality, direct)
        elif direct:
            said = _digit(quality)
        else:
            reason = _pick(self._texts[perspective.value], quality, part)
            said = Output(text=f"Reason: {reason}\nScore: {round(1 + 4 * quality)}")
        wait = DELAY * (1 + _draw(part, perspective.value)) if self._pace else 0.0
        continued = messages[-1].text if isinstance(messages[-1], AIMessage) else ""
        text = said.text.removeprefix(continued)
        return said.model_copy(update={"text": text, "pace": self._pace, "delay": wait})

    def _bystander(self, part: str, quality: float, direct: bool) -> Output:
        points = {
            name: round(20 * _within(quality + 0.3 * (_draw(part, name) - 0.5)))
            for name in BYSTANDER_PARTS
        }
        if direct:
            return Output(text=", ".join(map(str, points.values())))
        why = self._texts[Perspective.BYSTANDER.value]
        lines = [f"Assessment: {_pick(why, quality, part)}"]
        for name, value in points.items():
            remark = _pick(self._texts["part"], value / 20, part + name)
            lines.append(f"{name.capitalize()}: {value} / 20 - {remark}")
        lines.append(f"Total Score: {sum(points.values())} / 100")
        return Output(text="\n".join(lines))


def _quotes(text: str) -> Iterator[str]:
    """The quoted blocks of a judge's prompt, in order."""
    for quoted, lines in groupby(text.split("\n"), key=lambda line: line.startswith(MARK)):
        if quoted:
            yield "\n".join(line.removeprefix(MARK) for line in lines)


def _quality(part: str, message: str, perspective: Perspective) -> float:
    """0 to 1: length, a question, the seeker's words taken up, and a little chance."""
    words = part.split()
    low, high = _BEST_WORDS
    fitting = min(1.0, len(words) / low, high / max(1, len(words)))
    own = {word.lower() for word in _WORD.findall(message)}
    taken_up = {word.lower() for word in _WORD.findall(part)} & own
    echo = min(1.0, len(taken_up) / min(4, len(own))) if own else 0.0
    asks = 1.0 if "?" in part or perspective.rates_analysis else 0.0
    chance = _draw(part, perspective.value) - 0.5
    return _within(0.1 + 0.4 * fitting + 0.25 * echo + 0.15 * asks + 0.2 * chance)


def _pick(remarks: Remarks, quality: float, text: str) -> str:
    fitting = remarks["low" if quality < 0.4 else "middle" if quality < 0.7 else "high"]
    return fitting[int(_draw(text, "remark") * len(fitting))]


def _digit(quality: float) -> Output:
    """One digit with the probabilities of all five, a bell around the wanted level."""
    wanted = 1 + 4 * quality
    bell = {level: math.exp(-(((level - wanted) / _SPREAD) ** 2) / 2) for level in (1, 2, 3, 4, 5)}
    whole = sum(bell.values())
    levels = {str(level): math.log(_MASS * value / whole) for level, value in bell.items()}
    others = {" ": math.log((1 - _MASS) / 2), "I": math.log((1 - _MASS) / 2)}
    return Output(
        text=max(levels, key=lambda level: levels[level]), logprobs=({**levels, **others},)
    )


def _draw(text: str, salt: str) -> float:
    """A number from 0 to 1 that depends on the text alone."""
    digest = hashlib.sha256(f"{salt}\0{text}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _within(value: float) -> float:
    return max(0.0, min(1.0, value))
