"""What tells who somebody is, taken out of the texts of an export, as far as it is found.

By Presidio (extra `redact`), without a model from elsewhere: what has a form of its own is found by
it (mail and web addresses, telephone, card and account numbers, ...). Names, places and what only a
reader understands ("my brother, the mayor") are **not** found, unless a spaCy pipeline that is
already installed is named (`names`), and then only those that this pipeline knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

from chat.export.columns import INNER, Column, Kind
from chat.export.order import ExportError

FORMS: Final = (
    "EMAIL_ADDRESS", "PHONE_NUMBER", "URL", "IP_ADDRESS", "MAC_ADDRESS", "CREDIT_CARD",
    "IBAN_CODE", "CRYPTO", "US_SSN", "US_ITIN", "US_PASSPORT", "UK_NHS",
)  # fmt: skip
"""Kinds that have a form of their own."""

NAMES: Final = ("PERSON", "LOCATION")
"""Kinds that need a pipeline."""

MISSES: Final = (
    "names, places, employers, and everything that only a reader understands;"
    " addresses of streets; numbers and handles that look like none of the known forms"
)

LANGUAGE: Final = "en"
"""Presidio's recognisers are kept by language; forms are the same in all that we know of."""


class Redactor(Protocol):
    def __call__(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The text with each find replaced by its kind, `<PHONE_NUMBER>`, and the kinds found."""


def redacted(
    values: dict[str, Any], columns: Sequence[Column], redactor: Redactor, found: Counter[str]
) -> dict[str, Any]:
    """The row with every text in it redacted. `found` counts the finds by their kind."""

    def clean(text: str) -> str:
        cleaned, kinds = redactor(text)
        found.update(kinds)
        return cleaned

    changed = dict(values)
    for name, kind in columns:
        if kind is Kind.TEXT:
            changed[name] = clean(values[name])
        elif kind in INNER:
            changed[name] = [
                {field: clean(text) if field != "role" else text for field, text in one.items()}
                for one in values[name]
            ]
    return changed


def presidio(names: str | None = None) -> Redactor:
    """A redactor. `names`: an installed spaCy pipeline, or a folder of one.

    Raises `ExportError` where Presidio, or that pipeline, is not installed. Nothing is fetched.
    """
    try:
        from presidio_anonymizer import AnonymizerEngine  # noqa: PLC0415 - extra `redact`

        from chat.export.presidio_engine import analyzer_with  # noqa: PLC0415 - the same

        analyzer = analyzer_with(names)
    except ModuleNotFoundError:
        raise ExportError(
            "Texts cannot be redacted: Presidio is not installed.",
            "Install it with pip install 'perm-chat[redact]'.",
        ) from None
    anonymizer = AnonymizerEngine()  # type: ignore[no-untyped-call]
    kinds = [*FORMS, *(NAMES if names else ())]

    @lru_cache(maxsize=4096)  # the same text stands in the prompts of all turns after it
    def redact(text: str) -> tuple[str, tuple[str, ...]]:
        finds = analyzer.analyze(text, language=LANGUAGE, entities=kinds)
        replaced = anonymizer.anonymize(text, finds)  # type: ignore[arg-type]
        return str(replaced.text), tuple(sorted(item.entity_type for item in replaced.items))

    return redact
