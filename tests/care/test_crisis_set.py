"""The crisis set and what the check makes of it: recall and false alarms by language, and the page
of documentation that tells them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from chat.safety import CrisisKind, Subject
from chat.safety.figures import (
    PAGE,
    Figures,
    Phenomenon,
    Sentence,
    Split,
    measure,
    page,
    report,
    sentences,
    together,
)

pytestmark = pytest.mark.unit

Figure = Callable[..., None]

LANGUAGES = {"de", "en", "es", "fr", "it", "ja", "pl", "pt", "ru", "zh"}


@pytest.fixture(scope="module")
def items() -> list[Sentence]:
    return sentences()


@pytest.fixture(scope="module")
def figures(items: list[Sentence]) -> list[Figures]:
    return measure(items)


def of(figures: Iterable[Figures], split: Split) -> list[Figures]:
    return [each for each in figures if each.split is split]


def test_the_set_is_whole(items: list[Sentence], figure: Figure) -> None:
    assert len(items) >= 1000
    assert len({item.id for item in items}) == len(items)
    assert len({item.text for item in items}) == len(items)
    assert {item.language for item in items} == LANGUAGES
    assert all((item.kind is None) == (item.subject is None) for item in items)
    crises = sum(item.kind is not None for item in items)
    said = f"sentences in {len(LANGUAGES)} languages; {crises} of them speak of a crisis"
    figure("care.set", len(items), said)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_each_language_has_every_kind_and_every_way_of_saying_it(
    items: list[Sentence], language: str
) -> None:
    mine = [item for item in items if item.language == language]
    kinds = Counter(item.kind for item in mine if item.kind)
    ways = Counter(item.phenomenon for item in mine)
    assert set(kinds) == set(CrisisKind)
    assert min(kinds.values()) >= 4
    assert set(ways) == set(Phenomenon)
    assert min(ways.values()) >= 2
    assert {item.subject for item in mine if item.subject} == set(Subject)
    for way in (Phenomenon.IDIOM, Phenomenon.NEGATION):
        assert any(item.kind is None for item in mine if item.phenomenon is way), way
    for split in Split:
        here = [item for item in mine if item.split is split]
        assert any(item.kind for item in here)
        assert any(item.kind is None for item in here)


def test_dev_figures(figures: list[Figures]) -> None:
    for each in of(figures, Split.DEV):
        assert each.recall >= 0.95, each
        assert each.false_alarm_rate <= 0.05, each
        assert each.kinds >= 0.95 * each.found, each
        assert each.subjects >= 0.95 * each.found, each


def in_words(found: Figures) -> str:
    return (
        f"of {found.crises} crises found (recall {found.recall:.0%}), {found.false_alarms} of "
        f"{found.harmless} harmless sentences raised the card"
    )


def test_held_figures(figures: list[Figures], figure: Figure) -> None:
    for each in of(figures, Split.HELD):
        assert each.recall >= 0.8, each
        assert each.false_alarm_rate <= 0.2, each
    whole = together(Split.HELD, "all", of(figures, Split.HELD))
    assert whole.recall >= 0.95
    assert whole.false_alarm_rate <= 0.03
    figure("care.held", whole.found, in_words(whole))


def test_roundabout_sentences_raise_no_false_alarms(figures: list[Figures], figure: Figure) -> None:
    hard = together(Split.HARD, "all", of(figures, Split.HARD))
    assert hard.false_alarm_rate <= 0.2
    figure("care.hard", hard.found, in_words(hard))


def test_the_page_tells_the_figures_as_they_are(items: list[Sentence], figure: Figure) -> None:
    text = PAGE.read_text("utf-8")
    assert page(text, items) == text, "run `python -m chat.safety.figures`"
    assert page(text.replace("| held | all |", "| held | none |"), items) == text
    different = [one for one in page(text, items).splitlines() if one not in text.splitlines()]
    figure("care.page", len(different), "lines of the page that are not the set's own")


def test_the_report_holds_each_language_and_the_sums(figures: list[Figures]) -> None:
    told = report(figures)
    for split in Split:
        assert told.count(f"\n| {split} |") == len(LANGUAGES) + 1
    dev = together(Split.DEV, "all", of(figures, Split.DEV))
    assert f"| dev | all | {dev.found} of {dev.crises} (" in told
