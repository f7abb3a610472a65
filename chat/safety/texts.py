"""What the page says to care for the person: disclosure, mark, card, break, words by scores."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError, model_validator

from chat.safety.crisis import Crisis, CrisisKind, Subject
from chat.settings import ROOT, SettingsError
from perm.types import Value

TEXTS_FILE: Final = ROOT / "assets" / "care" / "texts.toml"
FALLBACK: Final = "en"

ConsentName = Literal["keep", "research", "train"]


class ConsentText(Value):
    label: str
    meaning: str


class Disclosure(Value):
    """Said before the first message. None of the three consents is ticked."""

    title: str
    points: tuple[str, ...]
    consents_title: str
    consents: Mapping[ConsentName, ConsentText]
    leave_no_trace: str
    begin: str

    @model_validator(mode="after")
    def _all_consents(self) -> Disclosure:
        if set(self.consents) != {"keep", "research", "train"}:
            raise ValueError("the consents are keep, research and train, each with its words")
        return self


class ScoreWords(Value):
    """Beside the scores."""

    one_opinion: str
    warmth: str
    stepped_back: str
    out_of_training: str


class LongTalk(Value):
    """Said when a break is offered (`chat.safety.rest`). Never a pull to stay."""

    title: str
    text: str


class Card(Value):
    """The crisis card in one language, as the file writes it."""

    title: str
    danger: str
    danger_unknown: str
    lines: str
    country: str
    unchecked: str
    directory: str
    nobody_told: str
    scores: str
    past: str
    someone: str
    about: Mapping[CrisisKind, str]

    @model_validator(mode="after")
    def _complete(self) -> Card:
        missing = set(CrisisKind) - set(self.about)
        if missing:
            raise ValueError(f"the card says nothing of {', '.join(sorted(missing))}")
        if "{number}" not in self.danger or "{address}" not in self.directory:
            raise ValueError("`danger` needs {number} and `directory` needs {address}")
        return self

    def body(self, kind: CrisisKind, subject: Subject = Subject.SELF) -> str:
        """What the card says first: by kind to the writer, gently of the past or of others."""
        gentle = {Subject.PAST: self.past, Subject.OTHER: self.someone}
        return gentle.get(subject, self.about[kind])

    def emergency(self, number: str | None) -> str:
        return self.danger.replace("{number}", number) if number else self.danger_unknown


class CareTexts(Value):
    mark: str
    disclosure: Disclosure
    scores: ScoreWords
    long_talk: LongTalk
    cards: Mapping[str, Card]

    @model_validator(mode="after")
    def _fallback(self) -> CareTexts:
        if FALLBACK not in self.cards:
            raise ValueError("there must be an English card, for languages without one")
        return self

    def card(self, language: str) -> Card:
        """The card in this language (ISO 639-1, or a browser's 'pt-BR'), else in English."""
        return self.cards.get(language.lower()[:2], self.cards[FALLBACK])

    def card_for(self, crisis: Crisis) -> tuple[Card, str]:
        """The card in the language of what was said, and its first words."""
        card = self.card(crisis.language)
        return card, card.body(crisis.kind, crisis.subject)


def load(path: Path = TEXTS_FILE) -> CareTexts:
    """The texts of a file. Raises `SettingsError` if something is missing."""
    todo = "Correct the file, or put the shipped one back."
    try:
        return CareTexts.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"The care texts in {path.name} do not fit: {places}.", todo) from None
    except (OSError, ValueError) as error:  # tomllib's and the decoder's errors are ValueErrors
        raise SettingsError(
            f"The care texts in {path.name} cannot be read: {error}.", todo
        ) from None


@cache
def care_texts() -> CareTexts:
    """The texts that ship, read once."""
    return load()
