"""Examining one checkpoint, from the place where it lies to the report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined] # documented

from perm.checkpoint.adapters import examine_adapter
from perm.checkpoint.documents import ADAPTER_CONFIG
from perm.checkpoint.findings import Findings
from perm.checkpoint.hub import LOCALLY, Hub
from perm.checkpoint.models import examine_model
from perm.checkpoint.places import Folder, Place, unreadable
from perm.checkpoint.report import BACKBONE, CheckpointReport, Code, Halted, Problem
from perm.checkpoint.shards import INDEX, SINGLE, not_safetensors
from perm.checkpoint.wording import LONGEST_PATH, named

SECONDS: Final = 4.5
"""How long an examination may take, whatever disk and network do."""

MOST_PROBLEMS: Final = 12
"""A thousand damaged shards are told by the first dozen."""


async def examine(source: str | Path, *, revision: str | None = None) -> CheckpointReport:
    """Whether a checkpoint can be served: a model or LoRA adapter, in a folder or on the hub.

    Reads headers and descriptions alone: a few MB at most, in less than 5 seconds. `source` is a
    folder, or else a repository's name (`owner/name`), at `revision` (a branch, tag or commit).
    Never raises for what it finds or fails to find: that is a problem in the report.
    """
    started = time.monotonic()
    findings = Findings()
    place: Place | None = None
    try:
        async with asyncio.timeout(SECONDS), _opened(source, revision) as place:
            await _examine(place, findings)
    except Halted as halted:
        findings.problems.append(halted.problem)
    except TimeoutError:
        findings.problems.append(_too_slow(place))
    problems = tuple(dict.fromkeys(findings.problems))
    if len(problems) > MOST_PROBLEMS:
        findings.notes.append(f"Of {len(problems):,} problems the first {MOST_PROBLEMS} are told.")
    return CheckpointReport(
        source=named(str(source), LONGEST_PATH),
        revision=place.revision if place else revision,
        ok=not problems,
        kind=findings.kind,
        architecture=named(findings.architecture),
        base_model=findings.base_model,
        parameters_found=findings.found,
        parameters_expected=findings.expected,
        problems=problems[:MOST_PROBLEMS],
        notes=tuple(findings.notes),
        bytes_read=place.bytes_read if place else 0,
        seconds=time.monotonic() - started,
    )


@asynccontextmanager
async def _opened(source: str | Path, revision: str | None) -> AsyncIterator[Place]:
    """A folder of that name if there is one, else the repository."""
    path = Path(source)
    if source == "":  # which a path takes for the working folder
        raise _nowhere(source)
    try:
        folder = await asyncio.to_thread(path.is_dir)
        file = await asyncio.to_thread(path.is_file)
    except PermissionError as error:
        raise unreadable(str(path), error) from None
    except OSError:  # a name too long to be anything here
        folder = file = False
    if folder:
        yield Folder(path)
        return
    if file:
        raise _a_file(path)
    repository = str(source)
    try:
        validate_repo_id(repository)
    except HFValidationError:
        repository = ""
    if isinstance(source, Path) or repository.count("/") != 1:
        raise _nowhere(source)
    async with Hub.open(repository, revision) as hub:
        yield hub


async def _examine(place: Place, findings: Findings) -> None:
    sizes = await place.files()
    if ADAPTER_CONFIG in sizes and SINGLE not in sizes and INDEX not in sizes:
        await examine_adapter(place, sizes, findings)
    else:
        await examine_model(place, sizes, findings)


def _nowhere(source: str | Path) -> Halted:
    return Halted(
        Code.NOT_FOUND,
        f"'{named(str(source))}' is not a folder, nor a name like {BACKBONE}.",
        "Check the path.",
    )


def _a_file(path: Path) -> Halted:
    if path.suffix != ".safetensors":
        return not_safetensors([path.name])
    return Halted(
        Code.NOT_FOUND,
        f"{named(path.name)} is one file, and a model is a folder with config.json beside it.",
        "Name its folder.",
    )


def _too_slow(place: Place | None) -> Problem:
    read = place.bytes_read if place else 0
    return Problem(
        code=Code.UNREACHABLE,
        what=f"The headers did not come within {SECONDS:g} seconds ({read:,} bytes came).",
        todo="Try again. " + LOCALLY,
    )
