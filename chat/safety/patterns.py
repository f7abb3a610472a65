"""The patterns of one language, read from a file that anyone can read, change and replace.

A pattern is a regular expression over folded text (see `readings.fold`; the patterns themselves are
folded on loading, so accents may be written). `{name}` stands for a word of the file's `[words]`.
Repetition is bounded: a pattern with `*`, `+` or `{3,}` is refused, so that the work at each place
of a text has a limit and the whole takes linear time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from chat.safety.crisis import CrisisKind
from chat.safety.readings import fold
from chat.settings import ROOT, SettingsError
from perm.types import Value

PATTERNS_DIR: Final = ROOT / "assets" / "care" / "patterns"

_NAME: Final = re.compile(r"\{([a-z_]+)\}")
_CLASS: Final = re.compile(r"\\.|\[\^?\]?[^\]]*\]")
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d*,\}")
_NEVER: Final = re.compile(r"(?!)")


class Script(StrEnum):
    """The letters a language is written in. A file is used only where a text has some of them."""

    LATIN = "latin"
    CYRILLIC = "cyrillic"
    HAN = "han"
    KANA = "kana"

    def occurs_in(self, text: str) -> bool:
        """Whether folded text has such letters."""
        return _LETTER[self].search(text) is not None

    def owns(self, sentence: str) -> bool:
        """Whether such a sentence can be of this script: Han beside kana is Japanese."""
        return self is not Script.HAN or _LETTER[Script.KANA].search(sentence) is None

    @property
    def parts_words(self) -> bool:
        """Whether blanks part its words, so that a hit must begin and end at a word's border."""
        return self in (Script.LATIN, Script.CYRILLIC)


_LETTER: Final = {
    Script.LATIN: re.compile("[a-z]"),
    Script.CYRILLIC: re.compile("[\u0400-\u04ff]"),
    Script.HAN: re.compile("[\u4e00-\u9fff]"),
    Script.KANA: re.compile("[\u3040-\u30ff]"),
}


class Voice(StrEnum):
    """Whose words or deeds a pattern describes."""

    WRITER = "writer"  # I ...
    ADDRESSED = "addressed"  # said to somebody: 'kill yourself'; whoever reports it is its target
    OTHER = "other"  # he, she, they ...


class Frame(StrEnum):
    """What changes the meaning of a hit, by where it stands."""

    NEGATION = "negation"  # right before the hit
    PERSON = "person"  # right before the hit: somebody else as its subject
    SPEAKER = "speaker"  # in its sentence: somebody else's quoted words
    FICTION = "fiction"  # in its sentence
    JOKE = "joke"  # in its sentence
    PAST = "past"  # in its sentence
    WELL = "well"  # anywhere in the text: the writer is well today

    @property
    def precedes(self) -> bool:
        return self in (Frame.NEGATION, Frame.PERSON)


class PatternFile(Value):
    """A file as written. `safe`: sayings and denials that are taken out before anything else."""

    language: str = Field(pattern=r"^[a-z]{2}$")
    name: str
    script: Script
    words: Mapping[str, str] = Field(default_factory=dict)
    safe: tuple[str, ...] = ()
    frames: Mapping[Frame, tuple[str, ...]] = Field(default_factory=dict)
    writer: Mapping[CrisisKind, tuple[str, ...]]
    addressed: Mapping[CrisisKind, tuple[str, ...]] = Field(default_factory=dict)
    other: Mapping[CrisisKind, tuple[str, ...]] = Field(default_factory=dict)


class Patterns:
    """A pattern file, compiled."""

    def __init__(self, file: PatternFile) -> None:
        self.language = file.language
        self.name = file.name
        self.script = file.script
        words = _expanded(file.words)
        border = file.script.parts_words
        self.safe = _compile(file.safe, words, border=border)
        self.frames = {
            frame: _compile(
                file.frames.get(frame, ()),
                words,
                border=border,
                end=" ?$" if frame.precedes else "",
            )
            for frame in Frame
        }
        self.hits = tuple(
            (kind, voice, _compile(patterns, words, border=border))
            for voice, group in (
                (Voice.WRITER, file.writer),
                (Voice.ADDRESSED, file.addressed),
                (Voice.OTHER, file.other),
            )
            for kind, patterns in group.items()
        )


def load(folder: Path) -> tuple[Patterns, ...]:
    """Every language's patterns from a folder of TOML files, in the order of their names.

    Raises:
        SettingsError: a file cannot be read, or holds something that is not a usable pattern.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise SettingsError(f"There are no crisis patterns in {folder}.", "Put the files back.")
    return tuple(_load_file(path) for path in paths)


@cache
def shipped() -> tuple[Patterns, ...]:
    """The patterns that ship with the project, read once."""
    return load(PATTERNS_DIR)


def _load_file(path: Path) -> Patterns:
    todo = "Correct the file, or put the shipped one back."
    try:
        return Patterns(PatternFile.model_validate(tomllib.loads(path.read_text("utf-8"))))
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"The crisis patterns in {path.name} do not fit: {places}.", todo
        ) from None
    except (
        OSError,
        ValueError,
    ) as error:  # tomllib's decode error and re.error's wrapper are ValueErrors
        raise SettingsError(
            f"The crisis patterns in {path.name} cannot be used: {error}.", todo
        ) from None


def _expanded(words: Mapping[str, str]) -> dict[str, str]:
    """Words may use those defined above them."""
    known: dict[str, str] = {}
    for name, pattern in words.items():
        known[name] = f"(?:{_fill(pattern, known)})"
    return known


def _fill(pattern: str, words: Mapping[str, str]) -> str:
    """The pattern folded, with its words put in. Raises `ValueError` if it breaks a rule."""
    if re.search(r"\\[A-Z]", pattern):
        raise ValueError(f"'{pattern}' has an upper-case escape, which folding would change")
    if _UNBOUNDED.search(_CLASS.sub("", _NAME.sub("", pattern))):
        raise ValueError(f"'{pattern}' repeats without a limit; write {{0,3}} or {{0,12}}")

    def word(found: re.Match[str]) -> str:
        if found[1] not in words:
            raise ValueError(f"'{pattern}' uses {{{found[1]}}}, which is not among [words]")
        return words[found[1]]

    return _NAME.sub(word, fold(pattern))


def _compile(
    patterns: Sequence[str], words: Mapping[str, str], *, border: bool, end: str = ""
) -> re.Pattern[str]:
    """One expression for all; it matches nothing where there are none."""
    if not patterns:
        return _NEVER
    filled = []
    for pattern in patterns:
        expression = _fill(pattern, words)
        try:
            re.compile(expression)
        except re.error as error:
            raise ValueError(f"'{pattern}' is not a regular expression: {error}") from None
        filled.append(expression)
    body = f"(?:{'|'.join(filled)})"
    opening, closing = (r"(?<!\w)", r"(?!\w)") if border else ("", "")
    return re.compile(f"{opening}{body}{end or closing}")
