"""Further versions of the judges' prompts: files `PERSPECTIVE-NAME.md` beside those in use.

A version is known by its name. A perspective that has no file of that name keeps the one in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perm.rubrics import Rubrics, judge_prompt
from perm.types import Perspective, PromptError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def version_names(folder: Path) -> list[str]:
    """The versions that there are, besides the one in use."""
    return sorted({name for name, _, _ in _files(folder)})


def version(folder: Path, name: str, in_use: Rubrics) -> Rubrics:
    """All prompts in this version. Raises PromptError where there is none, or it is broken."""
    found = {perspective: path for one, perspective, path in _files(folder) if one == name}
    if not found:
        raise PromptError(
            f"There is no version {name!r} of the judges' prompts.",
            f"Put it into {folder} as {Perspective.RESONATION}-NAME.md and so on.",
        )
    own = {perspective: judge_prompt(path, perspective) for perspective, path in found.items()}
    return in_use.model_copy(update={"judges": {**in_use.judges, **own}})


def names_by_hash(folder: Path, in_use: Rubrics) -> dict[str, str]:
    """What a judge's prompt is called, by its hash: "" for one in use. Broken ones are left out."""
    named = {}
    for name, perspective, path in _files(folder):
        try:
            named[judge_prompt(path, perspective).hash] = name
        except PromptError:
            continue  # whoever asks for it is told
    return named | {rubric.hash: "" for rubric in in_use.judges.values()}


def _files(folder: Path) -> Iterator[tuple[str, Perspective, Path]]:
    for perspective in Perspective:
        for path in sorted(folder.glob(f"{perspective}-*.md")):
            name = path.stem.removeprefix(f"{perspective}-")
            if _NAME.fullmatch(name):
                yield name, perspective, path
