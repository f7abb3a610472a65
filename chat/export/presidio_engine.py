"""Presidio's analyser over what is installed: nothing is fetched, and no network is asked.

Imported late, since Presidio and spaCy come with the extra `redact`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.predefined_recognizers import EmailRecognizer
from spacy.language import Language

from chat.export.order import ExportError
from chat.export.redaction import LANGUAGE, NAMES


class InstalledPipeline(NlpEngine):
    """A spaCy pipeline that is there already; Presidio's own engine would fetch one."""

    engine_name = "installed"

    def __init__(self, pipeline: Language) -> None:
        self._pipeline = pipeline

    def load(self) -> None: ...

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        doc = self._pipeline(text)
        return NlpArtifacts(
            entities=list(doc.ents),
            tokens=doc,
            tokens_indices=[token.idx for token in doc],
            lemmas=[token.text.lower() for token in doc],
            nlp_engine=self,
            language=language,
            scores=[1.0] * len(doc.ents),
        )

    def process_batch(
        self,
        texts: Iterable[str],
        language: str,
        batch_size: int = 1,
        n_process: int = 1,
        **_: Any,  # noqa: ANN401
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return False

    def get_supported_entities(self) -> list[str]:
        return list(NAMES)

    def get_supported_languages(self) -> list[str]:
        return [LANGUAGE]


class Mail(EmailRecognizer):
    """Its own check would ask the network which domains there are."""

    def validate_result(self, pattern_text: str) -> bool:
        return True


def analyzer_with(names: str | None) -> AnalyzerEngine:
    """`names`: an installed spaCy pipeline. Raises `ExportError` where it is not installed."""
    registry = RecognizerRegistry(supported_languages=[LANGUAGE])
    registry.load_predefined_recognizers(languages=[LANGUAGE])
    registry.remove_recognizer("EmailRecognizer")
    registry.add_recognizer(Mail())
    engine = InstalledPipeline(_pipeline(names))
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])


def _pipeline(names: str | None) -> Language:
    if names is None:
        return spacy.blank(LANGUAGE)
    try:
        return spacy.load(names)
    except OSError:
        raise ExportError(
            f"The spaCy pipeline {names} is not installed here.",
            "Install it, or leave it out: names are then not redacted.",
        ) from None
