"""Which files hold the weights, and what their headers say together.

A loader takes `model.safetensors`, or the files that `model.safetensors.index.json` names. Where a
folder has both, loaders differ in which they take, so each is examined.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from perm.checkpoint.documents import read_object
from perm.checkpoint.headers import Tensor, read_header
from perm.checkpoint.places import Place
from perm.checkpoint.report import INSTEAD, OTHERWISE, Code, Halted, Problem
from perm.checkpoint.wording import agree, counted, listed, shown

SINGLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
INDEX_BYTES: Final = 8 * 2**20
MOST_SHARDS: Final = 1000

_SAFE_NAME: Final = re.compile(r"\w[\w.+-]{0,199}\.safetensors")
_NUMBERED: Final = re.compile(
    r"(?P<stem>.+)-(?P<number>\d{1,6})-of-(?P<total>\d{1,6})\.safetensors"
)
_AT_ONCE: Final = 8
_OTHER_FORMATS: Final = (".gguf", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx")


@dataclass
class Weights:
    """One way to load the weights. `unread`: its files that are absent or could not be read."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        """Whether every tensor there is has been seen, so that an absent one is truly absent."""
        return not self.unread

    @property
    def files(self) -> list[str]:
        return sorted({tensor.file for tensor in self.tensors.values()})


async def read_weights(place: Place, sizes: Mapping[str, int]) -> list[Weights]:
    """Every set of weights that a loader may take, at least one. Raises Halted if there is none."""
    found = []
    if SINGLE in sizes:
        found.append(await read_files(place, sizes, [SINGLE]))
    if INDEX in sizes:
        found.append(await _indexed(place, sizes))
    if not found and (numbered := [name for name in sizes if _NUMBERED.fullmatch(name)]):
        found.append(await _without_index(place, sizes, numbered))
    if not found:
        raise _no_weights(sizes)
    return found


async def read_files(place: Place, sizes: Mapping[str, int], names: Collection[str]) -> Weights:
    """The headers of files that are there, a few at a time; an unreadable one is a problem."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> tuple[Tensor, ...] | Problem:
        async with turn:
            try:
                return await read_header(place, name, sizes[name])
            except Halted as halted:
                return halted.problem

    weights = Weights()
    doubled = []
    for name, outcome in zip(names, await asyncio.gather(*map(one, names)), strict=True):
        if isinstance(outcome, Problem):
            weights.problems.append(outcome)
            weights.unread.add(name)
            continue
        for tensor in outcome:
            if tensor.name in weights.tensors:
                doubled.append(tensor.name)
            weights.tensors[tensor.name] = tensor
    if doubled:
        weights.problems.append(
            _problem(
                Code.BROKEN_INDEX,
                f"{counted(len(doubled), 'tensor', 'stands', 'stand')} in two files at once: "
                f"{listed(doubled)}.",
            )
        )
    return weights


async def _indexed(place: Place, sizes: Mapping[str, int]) -> Weights:
    index = await read_object(place, INDEX, sizes[INDEX], INDEX_BYTES, Code.BROKEN_INDEX)
    homes = _homes(index.get("weight_map"))
    shards = sorted(set(homes.values()))
    weights = await read_files(place, sizes, [name for name in shards if name in sizes])
    if absent := [name for name in shards if name not in sizes]:
        weights.unread.update(absent)
        lost = sum(home in absent for home in homes.values())
        weights.problems.append(
            _problem(
                Code.MISSING_SHARD,
                f"{len(absent):,} of {counted(len(shards), 'file')} that {INDEX} names "
                f"{agree(len(absent), 'is', 'are')} not there: {listed(absent)}. With them "
                f"{lost:,} of {counted(len(homes), 'tensor')} {agree(lost, 'is', 'are')} lost.",
            )
        )
    weights.problems.extend(_misplaced(homes, weights))
    return weights


def _homes(found: object) -> dict[str, str]:
    """Which file each tensor is in. A name that leads out of the folder is never followed."""
    if not isinstance(found, dict) or not found:
        raise _broken_index("does not say which file each tensor is in")
    for file in found.values():
        if not isinstance(file, str) or not _SAFE_NAME.fullmatch(file):
            raise _broken_index(
                f"names {shown(file)}, which is not a safetensors file of this folder; it was not "
                "opened"
            )
    if len(set(found.values())) > MOST_SHARDS:
        raise _broken_index(f"names more than {MOST_SHARDS:,} files")
    return found


def _misplaced(homes: Mapping[str, str], weights: Weights) -> Iterable[Problem]:
    """Tensors that the index places in a file which was read and does not hold them."""
    lost = [
        name
        for name, file in homes.items()
        if file not in weights.unread
        and ((tensor := weights.tensors.get(name)) is None or tensor.file != file)
    ]
    if lost:
        yield _problem(
            Code.MISSING_SHARD,
            f"{INDEX} promises {counted(len(lost), 'tensor')} that the named files do not hold: "
            + listed([f"{name} in {homes[name]}" for name in lost])
            + ".",
        )


async def _without_index(place: Place, sizes: Mapping[str, int], names: list[str]) -> Weights:
    weights = await read_files(place, sizes, names[:MOST_SHARDS])
    parts = [match for match in map(_NUMBERED.fullmatch, names) if match]
    total = max(int(part["total"]) for part in parts)
    if len(names) < total:
        weights.unread.add(f"{counted(total - len(names), 'file')} not there")
    weights.problems.insert(
        0,
        _problem(
            Code.MISSING_INDEX,
            f"{INDEX} is not there, and {len(names):,} of {counted(total, 'file')} are: "
            f"{listed(sorted(names))}.",
            f"Fetch the index (and every file) again, or {OTHERWISE}",
        ),
    )
    return weights


def not_safetensors(others: Collection[str]) -> Halted:
    """That weights are there in another format, and what serves that one."""
    gguf = any(name.lower().endswith(".gguf") for name in others)
    return Halted(
        Code.NOT_SAFETENSORS,
        f"The weights are not safetensors files but {listed(others)}; only safetensors says what "
        "it holds before it is loaded.",
        ("A GGUF file is served with --engine llama-cpp. " if gguf else "") + INSTEAD,
    )


def _no_weights(sizes: Mapping[str, int]) -> Halted:
    if others := sorted(name for name in sizes if name.lower().endswith(_OTHER_FORMATS)):
        return not_safetensors(others)
    strays = sorted(name for name in sizes if name.endswith(".safetensors"))
    there = f" Under other names there are {listed(strays)}." if strays else ""
    return Halted(
        Code.MISSING_WEIGHTS,
        f"There is neither {SINGLE} nor {INDEX}, so a loader finds no weights.{there}",
    )


def _problem(
    code: Code, what: str, todo: str = f"Fetch the missing files again, or {OTHERWISE}"
) -> Problem:
    return Problem(code=code, what=what, todo=todo)


def _broken_index(how: str) -> Halted:
    return Halted(Code.BROKEN_INDEX, f"{INDEX} {how}.")
