"""The corpus: one file of text a target, an input a line, so that a change can be read.

An input is a JSON string whose characters are its bytes. Lines stay once they are in: those of what
was found, those written by hand, and the smallest that reach each part of a parser.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parent / "corpus"
LONGEST: Final = 2_000
"""Bytes of an input that a run may add; longer ones are found again quickly and read badly."""

MOST: Final = 120
"""Inputs of a target up to which a run adds some."""


def inputs(target: str) -> list[bytes]:
    path = CORPUS / f"{target}.txt"
    if not path.exists():
        return []
    return [json.loads(line).encode("latin-1") for line in path.read_text("ascii").splitlines()]


def unpack(target: str, folder: Path) -> None:
    """Each input as a file, as a fuzzer wants it."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs(target):
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def add(target: str, found: Iterable[bytes]) -> int:
    """Put inputs behind those that are there, the smallest first. How many were new."""
    known = inputs(target)
    new = sorted({data for data in found if len(data) <= LONGEST} - set(known), key=_size)
    new = new[: max(0, MOST - len(known))]
    keep(target, [*known, *new])
    return len(new)


def keep(target: str, data: Iterable[bytes]) -> None:
    CORPUS.mkdir(exist_ok=True)
    lines = (json.dumps(one.decode("latin-1")) + "\n" for one in data)
    (CORPUS / f"{target}.txt").write_text("".join(lines), "ascii")


def _size(data: bytes) -> tuple[int, bytes]:
    return len(data), data
