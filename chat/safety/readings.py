"""A text as the patterns read it: folded, and freed of simple disguises.

Every step is linear in the text's length.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_VOICING: Final = "\u3099\u309a"  # Japanese voicing marks tell letters apart; accents do not here
_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"}
    | dict.fromkeys("’‘ʼ´`′‛", "'")
    | dict.fromkeys("“”„‟«»「」『』《》〈〉〝〟", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | {"、": ",", "،": ","}
)
_DISGUISES: Final = str.maketrans("0134578@$", "oieastbas")
_LOOKALIKES: Final = str.maketrans("асеорхуікм", "aceopxyikm")  # Cyrillic for Latin
_MIXED: Final = re.compile(r"[\w@$]+")
_SPELT: Final = re.compile(r"(?<!\w)\w(?:[ .\-_*/]\w){2,}(?!\w)")
_SPELT_WORD: Final = re.compile(r"\w")
_RUN: Final = re.compile(r"([^\W\d_])\1{2,}")
_BLANKS: Final = re.compile(r"\s+")
_WIDE_BLANKS: Final = re.compile(r"\s{2,}")
_INNER_BLANK: Final = re.compile(
    r"(?<=[\u3040-\u30ff\u4e00-\u9fff]) (?=[\u3040-\u30ff\u4e00-\u9fff])"
)


def fold(text: str) -> str:
    """NFKC, no case, no accents, no invisible characters, plain quotes, dashes and apostrophes."""
    kept = (
        character
        for character in unicodedata.normalize("NFKD", text)
        if character in _VOICING or unicodedata.category(character) not in ("Mn", "Cf", "Cs")
    )
    composed = unicodedata.normalize("NFKC", "".join(kept))
    return composed.casefold().translate(_LETTERS)


def readings(text: str) -> list[str]:
    """The text as it stands, then, where that differs, without its disguises; no duplicates.

    Disguises: 'k1ll mys3lf', 'k i l l', 'k.i.l.l', look-alike letters, 'killlll'. A run of letters
    is tried as two and as one, since both 'kill' and 'die' may be drawn out.
    """
    folded = fold(text)
    plain = _BLANKS.sub(" ", folded).strip()
    bare = _BLANKS.sub(" ", _joined(_unmasked(folded))).strip()
    bare = _INNER_BLANK.sub("", bare)
    drawn_out = (_RUN.sub(r"\1\1", bare), _RUN.sub(r"\1", bare))
    return list(dict.fromkeys((plain, bare, *drawn_out)))


def _unmasked(text: str) -> str:
    """Digits and signs for letters, and Cyrillic look-alikes, undone in words that mix them."""

    def undo(found: re.Match[str]) -> str:
        word = found[0]
        latin = any("a" <= character <= "z" for character in word)
        if not latin or (word.isascii() and word.isalpha()):
            return word
        return word.translate(_DISGUISES).translate(_LOOKALIKES)

    return _MIXED.sub(undo, text)


def _joined(text: str) -> str:
    """Letters written apart, joined; where two blanks or more part the words, they stay apart."""
    words = _WIDE_BLANKS.split(text)
    return " ".join(
        _SPELT.sub(lambda found: "".join(_SPELT_WORD.findall(found[0])), word) for word in words
    )
