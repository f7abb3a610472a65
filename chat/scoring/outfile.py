"""OUT.jsonl: what is done, what a break has left half written, and one more line at a time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from chat.plain_json import dumps
from perm.types import Part, PermError, Perspective, Unscored

Key = tuple[str, str]
"""What a line of OUT belongs to: the record's id or else its line in IN, and its digest."""

_BEGINS: Final = b'{"id": '  # every line of OUT; so a torn one is known for what it is
_AGAIN: Final = {Unscored.ENGINE.value, Unscored.CANCELLED.value}


class OutError(PermError):
    """OUT cannot be gone on with. It is left as it is."""

    part = Part.INPUT


def digest(line: bytes) -> str:
    """What tells whether a line of IN was changed between two runs."""
    return hashlib.sha256(line.strip()).hexdigest()[:16]


def key_of(record_id: str | int | None, number: int, content: str) -> Key:
    """The key of line `number` (1-based) of IN."""
    return (f"line {number}" if record_id is None else json.dumps(record_id)), content


class OutFile:
    """The file that verdicts go into. `about`: what judges, the same for every line of one file."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self._path = path
        self._about = dict(about)
        self._file: BinaryIO | None = None

    def open(self) -> set[Key]:
        """Open for appending; gives what is done. Raises `OutError`.

        A last line that was torn by a break is taken off, and so are lines whose judge calls
        failed: they are judged again.
        """
        try:
            done, dropped = self._survey()
            if dropped:
                self._drop(dropped)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        except OSError as error:
            raise OutError(
                f"{self._path} cannot be written: {error.strerror}.", "Name another --out."
            ) from None
        return done

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one line, whole, and hand it to the system at once."""
        if self._file is None:
            raise RuntimeError("open() comes first")
        try:
            self._file.write(dumps({**line, "judge": self._about}).encode("ascii") + b"\n")
            self._file.flush()
        except OSError as error:
            raise OutError(
                f"{self._path} cannot be written any more: {error.strerror}.",
                "Make room and call again; it goes on where it stopped.",
            ) from None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _survey(self) -> tuple[set[Key], set[int]]:
        """What is done, and the numbers of the lines to take off."""
        done: set[Key] = set()
        dropped: set[int] = set()
        if not self._path.exists():
            return done, dropped
        with self._path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = self._parsed(number, raw)
                if line is None or _failed(line):
                    dropped.add(number)
                else:
                    done.add(key_of(line["id"], line["line"], line["input"]))
        return done, dropped

    def _parsed(self, number: int, raw: bytes) -> dict[str, Any] | None:
        """One line as it was written; None for a torn last one."""
        torn = not raw.endswith(b"\n")
        if torn and (raw.startswith(_BEGINS) or _BEGINS.startswith(raw)):
            return None
        try:
            line: dict[str, Any] = json.loads(raw)
            known = isinstance(line["input"], str) and isinstance(line["line"], int)
            judge = line["judge"]
        except (ValueError, TypeError, KeyError):
            known, judge = False, None
        if torn or not known:
            raise OutError(
                f"Line {number} of {self._path} is not a line of scores.",
                "Name another --out; this file is left as it is.",
            )
        if judge != self._about:
            raise OutError(
                f"{self._path} holds scores by another judge or method, from line {number} on.",
                "Name another --out, or the same model, method and prompts as before.",
            )
        return line

    def _drop(self, dropped: set[int]) -> None:
        """Write the file anew without these lines; either the old or the new one is there."""
        fresh = self._path.with_name(f".{self._path.name}.part")
        with self._path.open("rb") as old, fresh.open("wb") as new:
            new.writelines(_without(old, dropped))
            new.flush()
            os.fsync(new.fileno())
        fresh.replace(self._path)


def _without(lines: BinaryIO, dropped: set[int]) -> Iterator[bytes]:
    return (raw for number, raw in enumerate(lines, start=1) if number not in dropped)


def _failed(line: Mapping[str, Any]) -> bool:
    verdicts = (line.get(perspective.value) or {} for perspective in Perspective)
    return any(verdict.get("unscored") in _AGAIN for verdict in verdicts)
