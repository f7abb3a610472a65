"""Does a text speak of a crisis? Patterns alone, so that the answer does not hang on a model.

It is made to err towards showing the card: a card that was not needed costs little. It knows only
what its patterns know, it misses what is said in other words, and it promises nothing; its recall
and false alarms on the project's own set are told by `chat.safety.figures.report`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from chat.safety.crisis import Crisis, CrisisKind, Subject
from chat.safety.patterns import Frame, Patterns, Script, Voice, shipped
from chat.safety.readings import readings

_SENTENCE_END: Final = re.compile(r"[.!?;。]")
_QUOTE: Final = re.compile(r'"[^"]{1,300}"')
_WINDOW: Final = 64  # characters before a hit in which a negation or another person is looked for
_BLANK: Final = "·"  # stands where a saying was taken out; no letter, no blank


def check(text: str, patterns: Sequence[Patterns] | None = None) -> Crisis | None:
    """The most urgent crisis that a message or a reply speaks of, or None.

    Time is linear in the text's length. `patterns` default to those that ship.
    """
    languages = shipped() if patterns is None else patterns
    found = (
        crisis for reading in readings(text) for crisis in _Reading(reading, languages).crises()
    )
    return min(found, key=lambda crisis: crisis.urgency, default=None)


def opening(message: str, scenario: str, persona: str) -> str:
    """What is checked with a conversation's first message: all that was written by then."""
    return "\n\n".join(text for text in (message, scenario, persona) if text.strip())


class _Reading:
    """One reading of the text against every language that its letters allow.

    A hit belongs to one language. Sayings, denials and frames of all of them are heeded, because
    neighbouring languages share many words; only who is spoken of is its own language's affair.
    """

    def __init__(self, text: str, languages: Sequence[Patterns]) -> None:
        self._languages = [each for each in languages if each.script.occurs_in(text)]
        self._whole = text
        self._text = text
        for each in self._languages:
            self._text = each.safe.sub(lambda found: _BLANK * len(found[0]), self._text)
        self._ends = [found.end() for found in _SENTENCE_END.finditer(text)]
        self._quotes = [found.span() for found in _QUOTE.finditer(text)]
        self._seen: dict[tuple[Frame | Script, int], bool] = {}

    def crises(self) -> Iterator[Crisis]:
        """At most one for each language, kind, voice and subject."""
        for language in self._languages:
            for kind, voice, pattern in language.hits:
                for subject, matched in self._subjects(language, kind, voice, pattern):
                    yield Crisis(
                        kind=kind, subject=subject, language=language.language, matched=matched
                    )

    def _subjects(
        self, language: Patterns, kind: CrisisKind, voice: Voice, pattern: re.Pattern[str]
    ) -> Iterator[tuple[Subject, str]]:
        most = Subject.OTHER if voice is Voice.OTHER else Subject.SELF
        told: set[Subject] = set()
        for hit in pattern.finditer(self._text):
            subject = self._weigh(language, kind, voice, hit.start())
            if subject is not None and subject not in told:
                told.add(subject)
                yield subject, hit[0]
            if most in told:  # nothing more urgent can come of this pattern
                return

    def _weigh(
        self, language: Patterns, kind: CrisisKind, voice: Voice, start: int
    ) -> Subject | None:
        """Whom the hit is about after all; None if it is denied, a joke, or told in fiction."""
        if not self._owned(language.script, start):
            return None
        if self._before(Frame.NEGATION, start, self._languages):
            return None
        subject = self._subject(language, voice, start)
        to_others = kind is CrisisKind.HARM_TO_OTHERS
        if to_others and self._in_sentence(Frame.JOKE, start):
            return None
        told = to_others or subject is Subject.OTHER or self._quoted(start)
        return None if told and self._in_sentence(Frame.FICTION, start) else subject

    def _subject(self, language: Patterns, voice: Voice, start: int) -> Subject:
        if voice is Voice.ADDRESSED:
            return Subject.SELF
        if (
            voice is Voice.OTHER
            or self._before(Frame.PERSON, start, [language])
            or (self._quoted(start) and self._in_sentence(Frame.SPEAKER, start))
        ):
            return Subject.OTHER
        if self._in_sentence(Frame.PAST, start) and self._well:
            return Subject.PAST
        return Subject.SELF

    @cached_property
    def _well(self) -> bool:
        return any(each.frames[Frame.WELL].search(self._whole) for each in self._languages)

    def _before(self, frame: Frame, start: int, languages: Sequence[Patterns]) -> bool:
        begin, _ = self._sentence(start)
        window = self._text[max(begin, start - _WINDOW) : start]
        return any(each.frames[frame].search(window) for each in languages)

    def _in_sentence(self, frame: Frame, start: int) -> bool:
        begin, end = self._sentence(start)
        if (frame, begin) not in self._seen:
            self._seen[frame, begin] = any(
                each.frames[frame].search(self._whole, begin, end) for each in self._languages
            )
        return self._seen[frame, begin]

    def _owned(self, script: Script, start: int) -> bool:
        begin, end = self._sentence(start)
        if (script, begin) not in self._seen:
            self._seen[script, begin] = script.owns(self._whole[begin:end])
        return self._seen[script, begin]

    def _sentence(self, start: int) -> tuple[int, int]:
        after = bisect_right(self._ends, start)
        begin = self._ends[after - 1] if after else 0
        return begin, self._ends[after] if after < len(self._ends) else len(self._whole)

    def _quoted(self, start: int) -> bool:
        place = bisect_right(self._quotes, (start, len(self._whole))) - 1
        return place >= 0 and start < self._quotes[place][1]
