"""docs/hardening.md: what holds, how that is tested, and the figure that the test gave.

`python -m tests.support.hardening` takes over the figures of the last runs and writes the page
anew. Claims stand in docs/hardening/*.toml, one file a section; the kept figures in *.jsonl.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tests.support import figures
from tests.support.figures import FRESH, ROOT, Figure

CLAIMS: Final = ROOT / "docs" / "hardening"
PAGE: Final = ROOT / "docs" / "hardening.md"

HEAD: Final = """# What holds, and what was measured

Every figure was written by the test or command beside it, on the day and the number of processor
cores that are named; nothing here was typed in. A test runs by itself with

    .venv/bin/pytest -n 0 -m '' TEST

`make test-faults` runs the long ones of faults, and `python -m tests.support.hardening` takes new
figures over. *not run*: no figure has been kept yet.
"""


class Claim(BaseModel):
    """One row: what is claimed, and the one test or command that shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")
    text: str
    test: str = ""
    command: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.test) is bool(self.command):
            raise ValueError(f"{self.id}: name either a test or a command")
        return self

    @property
    def how(self) -> str:
        return self.test or self.command

    def is_shown_by(self, figure: Figure) -> bool:
        """Whether the figure comes from this claim's own test, with whatever parameters."""
        return figure.claim == self.id and figure.by.partition("[")[0] == self.how


class Section(BaseModel):
    """One file of claims; `figures` is the file beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    claims: tuple[Claim, ...]
    figures: Path

    @classmethod
    def of(cls, path: Path) -> Self:
        found = tomllib.loads(path.read_text("utf-8"))
        return cls(**found, figures=path.with_suffix(".jsonl"))

    def kept(self) -> dict[str, Figure]:
        """The newest figure of each claim."""
        return self._newest(figures.read(self.figures))

    def take(self, fresh: Sequence[Figure]) -> None:
        """Keep those of the fresh figures that show a claim of this section."""
        newest = self._newest([*self.kept().values(), *fresh])
        lines = [f"{newest[key].model_dump_json()}\n" for key in sorted(newest)]
        if lines:
            self.figures.write_text("".join(lines), "utf-8")

    def _newest(self, found: Sequence[Figure] | Iterator[Figure]) -> dict[str, Figure]:
        claims = {claim.id: claim for claim in self.claims}
        return {
            one.claim: one
            for one in found
            if one.claim in claims and claims[one.claim].is_shown_by(one)
        }


def sections(folder: Path = CLAIMS) -> list[Section]:
    return [Section.of(path) for path in sorted(folder.glob("*.toml"))]


def claim_of(name: str) -> Claim:
    """The claim of that id. Raises `KeyError` with where to write it."""
    for section in sections():
        for claim in section.claims:
            if claim.id == name:
                return claim
    raise KeyError(f"{name}: write this claim into a file of docs/hardening first")


def missing(claim: Claim, root: Path = ROOT) -> str | None:
    """What of a claim's test or command is not there; None where all is."""
    if claim.command:
        words = claim.command.split()
        module = words[2] if words[:2] == ["python", "-m"] and len(words) > 2 else "chat.cli"
        known = words[0] in {"python", "perm-chat"} and importlib.util.find_spec(module)
        return None if known else claim.command
    name, _, inside = claim.test.partition("::")
    path = root / name
    if not path.is_file():
        return name
    there = {
        node.name
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return None if inside in there else claim.test


def page(folder: Path = CLAIMS) -> str:
    """The page, of claims and kept figures alone."""
    return "\n".join([HEAD, *(line for one in sections(folder) for line in _section(one))])


def _section(section: Section) -> Iterator[str]:
    kept = section.kept()
    yield from (f"## {section.title}", "", "| claim | how it is tested | figure | date |")
    yield "| --- | --- | --- | --- |"
    for claim in section.claims:
        figure = kept.get(claim.id)
        shown = ("*not run*", "") if figure is None else (str(figure), _when(figure))
        yield f"| {' | '.join(_cell(one) for one in (claim.text, f'`{claim.how}`', *shown))} |"
    yield ""


def _when(figure: Figure) -> str:
    return f"{figure.date}, {figure.cores} core{'s' if figure.cores > 1 else ''}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    fresh = list(figures.read(FRESH))
    every = sections()
    for section in every:
        section.take(fresh)
    PAGE.write_text(page(), "utf-8")
    claims = [claim for section in every for claim in section.claims]
    for lost in {one.claim for one in fresh if not any(c.is_shown_by(one) for c in claims)}:
        sys.stderr.write(f"{lost}: no claim names the test that gave this figure\n")
    shown = sum(len(section.kept()) for section in every)
    sys.stderr.write(f"{shown} of {len(claims)} claims have a figure; written to {PAGE}\n")


if __name__ == "__main__":
    main()
