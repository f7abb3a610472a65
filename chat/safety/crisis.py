"""What the check can see, as values."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import Field

from perm.types import Value


class CrisisKind(StrEnum):
    """What a text speaks of. Saved as text in `Turn.crisis`; most urgent first."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    ABUSE = "abuse"
    HARM_TO_OTHERS = "harm_to_others"
    EATING_DISORDER = "eating_disorder"


class Subject(StrEnum):
    """Whom it is about; the card is gentler for the last two."""

    SELF = "self"  # the writer, now
    PAST = "past"  # the writer, long ago, and well today in their own words
    OTHER = "other"  # somebody the writer knows, alive or lost


class Crisis(Value):
    """One hit. `language` is the pattern's (ISO 639-1) and so the card's.

    `matched` is the folded piece of text that fitted. It is part of what a person said: it is left
    out of the repr, and is never to be logged or stored.
    """

    kind: CrisisKind
    subject: Subject
    language: str
    matched: str = Field(repr=False)

    @property
    def about_self(self) -> bool:
        return self.subject is not Subject.OTHER

    @property
    def gentle(self) -> bool:
        """Whether the gentler card fits: nobody says that the writer is in danger now."""
        return self.subject is not Subject.SELF

    @property
    def urgency(self) -> tuple[int, int, int]:
        """Sorts the most urgent first: the writer now, then the kind, then the longer match."""
        return _SUBJECTS.index(self.subject), _KINDS.index(self.kind), -len(self.matched)


_SUBJECTS: Final = tuple(Subject)
_KINDS: Final = tuple(CrisisKind)
