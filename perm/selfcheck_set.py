"""The self-check set: situations with replies written to be at known levels, and harmful pairs.

One JSON object a line. `"type": "situation"`: persona, scenario and message of a seeker, Analyses
each at a level of resonation, Responses each with an intended level of expression and reception
(1 to 5) and an intended bystander's total (0 to 100). `"type": "pair"`: to one message a reply that
is warm and harmful, and a sober one, both whole. The levels are those of PERM (arXiv:2601.10532) as
one author understood them; no panel of raters stands behind them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from perm.types import Part, PermError, Perspective, Value

SET_FILE: Final = Path(__file__).resolve().parent.parent / "assets" / "selfcheck" / "set.jsonl"

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Level = Annotated[int, Field(ge=1, le=5)]


class SelfCheckSetError(PermError):
    """The set cannot be read, or breaks its own rules."""

    part = Part.SETTINGS


class Band(StrEnum):
    """How the bystander's intended total is meant: a total is known to a band, not to a point."""

    LOW = "low"  # 0 to 35
    MIDDLE = "middle"  # 40 to 65
    HIGH = "high"  # 70 to 100

    @property
    def order(self) -> int:
        return list(Band).index(self)


class LevelledAnalysis(Value):
    """An Analysis written to be at a level of resonation."""

    level: Level
    text: Text


class LevelledResponse(Value):
    """A Response with its intended levels; bystander: the intended total, 0 to 100."""

    expression: Level
    reception: Level
    bystander: int = Field(ge=0, le=100)
    text: Text

    @model_validator(mode="after")
    def _total_in_a_band(self) -> Self:
        if 35 < self.bystander < 40 or 65 < self.bystander < 70:
            raise ValueError(f"a total of {self.bystander} lies between two bands")
        return self

    @property
    def band(self) -> Band:
        if self.bystander <= 35:
            return Band.LOW
        return Band.MIDDLE if self.bystander <= 65 else Band.HIGH

    def level(self, perspective: Perspective) -> int:
        """The level to be ordered by: 1 to 5, or the band's 0 to 2. Not for resonation."""
        levels = {
            Perspective.EXPRESSION: self.expression,
            Perspective.RECEPTION: self.reception,
            Perspective.BYSTANDER: self.band.order,
        }
        return levels[perspective]


class _Seeker(Value):
    id: str = Field(pattern=r"^[a-z0-9-]+$")
    persona: Text
    scenario: Text
    message: Text


class Situation(_Seeker):
    """One situation; every perspective has its lowest, middle and highest level."""

    type: Literal["situation"] = "situation"
    theme: Text
    analyses: tuple[LevelledAnalysis, ...]
    responses: tuple[LevelledResponse, ...]

    @model_validator(mode="after")
    def _levels_are_there(self) -> Self:
        for name, levels in (
            ("resonation", {each.level for each in self.analyses}),
            ("expression", {each.expression for each in self.responses}),
            ("reception", {each.reception for each in self.responses}),
        ):
            if not {1, 3, 5} <= levels:
                raise ValueError(f"{self.id}: {name} needs levels 1, 3 and 5, has {sorted(levels)}")
        if {each.band for each in self.responses} != set(Band):
            raise ValueError(f"{self.id}: the bystander needs a low, a middle and a high total")
        _each_once(
            [each.text for each in self.analyses] + [each.text for each in self.responses], self.id
        )
        return self


class Harm(StrEnum):
    """What makes a warm reply harmful."""

    FALSE_BELIEF = "agrees_with_false_belief"
    ONLY_ME = "only_me"
    GUILT_AT_GOODBYE = "guilt_at_goodbye"
    CLAIMS_HUMAN = "claims_to_be_human"
    DELUSION = "feeds_delusion"
    ISOLATION = "encourages_isolation"
    HARM = "encourages_harm"
    EXCUSES_ABUSE = "excuses_abuse"


class Side(Value):
    """One whole reply of a pair."""

    analysis: Text
    response: Text


class HarmfulPair(_Seeker):
    """A warm and harmful reply against a sober one. The harmful one must not outscore it."""

    type: Literal["pair"] = "pair"
    harm: Harm
    harmful: Side
    sober: Side

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if self.harmful.response == self.sober.response:
            raise ValueError(f"{self.id}: both sides say the same")
        return self


_LINE: Final[TypeAdapter[Situation | HarmfulPair]] = TypeAdapter(
    Annotated[Situation | HarmfulPair, Field(discriminator="type")]
)


class SelfCheckSet(Value):
    """The whole set, in the order of its file. Ids and messages are there once."""

    situations: tuple[Situation, ...] = ()
    pairs: tuple[HarmfulPair, ...] = ()

    @model_validator(mode="after")
    def _all_once(self) -> Self:
        seekers = [*self.situations, *self.pairs]
        _each_once([each.id for each in seekers], "ids")
        _each_once([each.message for each in seekers], "messages")
        return self

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what is asked, so that results of two sets are never mixed."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def first(self, situations: int, pairs: int) -> SelfCheckSet:
        """A smaller set, for slow judges. Its hash is its own."""
        return SelfCheckSet(situations=self.situations[:situations], pairs=self.pairs[:pairs])


def load(path: Path = SET_FILE) -> SelfCheckSet:
    """The set of a file. Raises `SelfCheckSetError` with the number of the line at fault."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SelfCheckSetError(f"The self-check set {path} cannot be read: {error}.") from None
    rows = [_row(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    try:
        return SelfCheckSet(
            situations=tuple(row for row in rows if isinstance(row, Situation)),
            pairs=tuple(row for row in rows if isinstance(row, HarmfulPair)),
        )
    except ValidationError as error:
        raise SelfCheckSetError(f"The self-check set {path.name}: {_words(error)}.") from None


def _row(number: int, line: str) -> Situation | HarmfulPair:
    try:
        return _LINE.validate_json(line)
    except ValidationError as error:
        raise SelfCheckSetError(
            f"Line {number} of the self-check set does not fit: {_words(error)}.", "Correct it."
        ) from None


def _words(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}".removeprefix(": ")
        for item in error.errors()
    )


def _each_once(texts: Iterable[str], where: str) -> None:
    twice = [text for text, count in Counter(texts).items() if count > 1]
    if twice:
        raise ValueError(f"{where}: this is there twice: {twice[0][:60]}")
