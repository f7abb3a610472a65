"""How much the check sees and how often it is wrong, on the set that ships.

The set is the project's own writing and small. `dev` sentences were there while the patterns were
written, and patterns were changed because of them. `held` sentences were written and committed
before the patterns and no pattern was changed because of them; the same hand wrote both, which
flatters. `hard` sentences were written last, roundabout on purpose: they show what patterns miss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from chat.safety.check import check
from chat.safety.crisis import CrisisKind, Subject
from chat.settings import ROOT
from perm.statistics import Estimate, rate
from perm.types import Value

PAGE: Final = ROOT / "docs" / "care.md"
_BEGIN: Final = "<!-- written by `python -m chat.safety.figures` -->"
_END: Final = "<!-- end -->"

SET_FILE: Final = ROOT / "assets" / "care" / "crisis_set.jsonl"


class Split(StrEnum):
    DEV = "dev"
    HELD = "held"
    HARD = "hard"


class Phenomenon(StrEnum):
    PLAIN = "plain"
    IDIOM = "idiom"
    NEGATION = "negation"
    QUOTE = "quote"
    THIRD_PERSON = "third_person"
    PAST = "past"
    TYPO = "typo"
    INDIRECT = "indirect"


class Sentence(Value):
    """One sentence with what the check should make of it; kind and subject None: no card."""

    id: str
    language: str
    split: Split
    text: str
    kind: CrisisKind | None
    subject: Subject | None
    phenomenon: Phenomenon


class Figures(Value):
    """Counts for one split and language. kinds, subjects: right ones among those found."""

    split: Split
    language: str
    crises: int
    found: int
    kinds: int
    subjects: int
    harmless: int
    false_alarms: int

    @property
    def recall(self) -> float:
        return self.found / self.crises if self.crises else float("nan")

    @property
    def false_alarm_rate(self) -> float:
        return self.false_alarms / self.harmless if self.harmless else float("nan")


def sentences(path: Path = SET_FILE) -> list[Sentence]:
    """The set, in its order."""
    return [Sentence.model_validate_json(line) for line in path.read_text("utf-8").splitlines()]


def measure(items: Iterable[Sentence]) -> list[Figures]:
    """Figures by split and language, both in their order of appearance."""
    groups: dict[tuple[Split, str], list[Sentence]] = {}
    for item in items:
        groups.setdefault((item.split, item.language), []).append(item)
    return [_figures(split, language, group) for (split, language), group in groups.items()]


def misses(items: Iterable[Sentence]) -> Counter[Phenomenon]:
    """How many crises of each phenomenon the check did not see."""
    return Counter(
        item.phenomenon for item in items if item.kind is not None and check(item.text) is None
    )


def together(split: Split, language: str, figures: Iterable[Figures]) -> Figures:
    """Several counts as one."""
    counts = ("crises", "found", "kinds", "subjects", "harmless", "false_alarms")
    group = list(figures)
    sums = {name: sum(getattr(each, name) for each in group) for name in counts}
    return Figures(split=split, language=language, **sums)


def report(figures: Sequence[Figures]) -> str:
    """The figures as a table in Markdown, by split and language, with Wilson's 95 % intervals."""
    lines = [
        "| split | language | recall | kind right | subject right | false alarms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for split in Split:
        mine = sorted((one for one in figures if one.split is split), key=lambda one: one.language)
        lines += [_row(each) for each in [*mine, together(split, "all", mine)]]
    return "\n".join(lines)


def _row(each: Figures) -> str:
    return (
        f"| {each.split} | {each.language} | {_share(each.found, each.crises)} "
        f"| {each.kinds} of {each.found} | {each.subjects} of {each.found} "
        f"| {_share(each.false_alarms, each.harmless)} |"
    )


def _share(count: int, n: int) -> str:
    found: Estimate = rate(count, n)
    if found.low is None or found.high is None:
        return f"{count} of {n}"
    return f"{count} of {n} ({found.low:.0%} to {found.high:.0%})"


def page(text: str, items: Sequence[Sentence]) -> str:
    """The page of documentation with its figures as they are now."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    missed = misses(item for item in items if item.split is not Split.DEV)
    told = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in missed.most_common())
    return (
        f"{before}{_BEGIN}\n{report(measure(items))}\n\n"
        f"Not seen in `held` and `hard`, by how they were said: {told}.\n{_END}{after}"
    )


def _figures(split: Split, language: str, group: Sequence[Sentence]) -> Figures:
    seen = [(item, check(item.text)) for item in group]
    hits = [(item, crisis) for item, crisis in seen if item.kind is not None and crisis is not None]
    return Figures(
        split=split,
        language=language,
        crises=sum(item.kind is not None for item in group),
        found=len(hits),
        kinds=sum(crisis.kind is item.kind for item, crisis in hits),
        subjects=sum(crisis.subject is item.subject for item, crisis in hits),
        harmless=sum(item.kind is None for item in group),
        false_alarms=sum(item.kind is None and crisis is not None for item, crisis in seen),
    )


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8"), sentences()), "utf-8")
