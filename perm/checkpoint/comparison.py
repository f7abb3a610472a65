"""The tensors that are there against those that config.json calls for.

The order is that of causes: a hollow checkpoint is told as hollow, and not as two hundred wrong
shapes; a foreign architecture is not told as missing tensors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from perm.checkpoint.architectures import (
    FAMILIES,
    OUTPUT,
    VOCABULARY,
    Expected,
    expected_tensors,
    is_buffer,
)
from perm.checkpoint.headers import WEIGHT_TYPES, Tensor
from perm.checkpoint.hollow import hollow_against
from perm.checkpoint.report import INSTEAD, OTHERWISE, Code, Halted, Problem
from perm.checkpoint.shards import Weights
from perm.checkpoint.wording import agree, counted, listed, shaped

_NUMBER: Final = re.compile(r"(?<=\.)\d+(?=\.)")


def compare(
    weights: Weights, expected: Expected, config: Mapping[str, object]
) -> Iterator[Problem]:
    """What is wrong with the weights of a known architecture, causes before their effects."""
    found = {name: tensor for name, tensor in weights.tensors.items() if not is_buffer(name)}
    if hollow := hollow_against(weights, expected):
        yield hollow
        return
    if foreign := _foreign(found, expected, config, weights.complete):
        yield foreign
        return
    yield from _layers(found, expected)
    if weights.complete:
        yield from _missing(found, expected)
    yield from _shapes(found, expected)
    yield from _types(found.values())


def _foreign(
    found: Mapping[str, Tensor],
    expected: Expected,
    config: Mapping[str, object],
    complete: bool,
) -> Problem | None:
    """Whether the names are those of another architecture than config.json's."""
    due, there = _kinds(expected.required), _kinds(found)
    strange = there - _kinds(expected.shapes)
    absent = due - there if complete else set()
    unlike = strange or any(".N." in kind for kind in absent)  # a lost lm_head tells nothing
    fits = _fitting(there, config) if complete and unlike else None
    if not strange and not fits:
        return None
    parts = []
    if absent:
        parts.append(
            f"{len(absent):,} of its {len(due):,} kinds of tensor "
            f"{agree(len(absent), 'is', 'are')} absent ({listed(sorted(absent))})"
        )
    if strange:
        parts.append(
            f"{counted(len(strange), 'kind')} of tensor "
            f"{agree(len(strange), 'does', 'do')} not belong to it ({listed(sorted(strange))})"
        )
    fit = f" They are those of {fits}." if fits else ""
    return _problem(
        Code.WRONG_ARCHITECTURE,
        f"config.json says {expected.architecture}, and the tensors are not that: "
        f"{'; '.join(parts)}.{fit}",
        f"Fetch config.json and weights of the same model, or {OTHERWISE}",
    )


def _kinds(names: Iterable[str]) -> set[str]:
    """Names with their layer's number left out."""
    return {_NUMBER.sub("N", name) for name in names}


def _fitting(there: set[str], config: Mapping[str, object]) -> str | None:
    """The known architecture that has just these kinds of tensor, by this config or nearly so."""
    for family in FAMILIES:
        for biased in (False, True):
            tried = {**config, "attention_bias": biased}
            try:
                other = expected_tensors(family, {**tried, "num_hidden_layers": 1})
            except Halted:
                continue
            if _kinds(other.required) <= there | {OUTPUT} and there <= _kinds(other.shapes) | {
                OUTPUT
            }:
                return family.architecture + (" with attention_bias" if biased else "")
    return None


def _layers(found: Mapping[str, Tensor], expected: Expected) -> Iterator[Problem]:
    beyond = [name for name in found if name not in expected.shapes]
    if beyond:
        yield _problem(
            Code.WRONG_SHAPES,
            f"config.json says {counted(expected.layers, 'layer')}, and "
            f"{counted(len(beyond), 'tensor', 'is', 'are')} there beyond them: {listed(beyond)}.",
            f"Fetch config.json and weights of the same model, or {OTHERWISE}",
        )


def _missing(found: Mapping[str, Tensor], expected: Expected) -> Iterator[Problem]:
    lost = [name for name in expected.required if name not in found]
    if lost:
        yield _problem(
            Code.MISSING_TENSORS,
            f"{len(lost):,} of {counted(len(expected.required), 'tensor')} that "
            f"{expected.architecture} needs by config.json {agree(len(lost), 'is', 'are')} in no "
            f"file: {listed(lost)}.",
            f"Fetch the weights again, or {OTHERWISE}",
        )


def _shapes(found: Mapping[str, Tensor], expected: Expected) -> Iterator[Problem]:
    wrong = {
        name: (found[name].shape, shape)
        for name, shape in expected.shapes.items()
        if name in found and found[name].shape != shape
    }
    rows = {
        name: (there[0], due[0])
        for name, (there, due) in wrong.items()
        if name in VOCABULARY and there[1:] == due[1:]
    }
    if rows:
        described = [f"{name} has {there:,} rows" for name, (there, _) in rows.items()]
        due = next(iter(rows.values()))[1]
        yield _problem(
            Code.MISMATCHED_VOCABULARY,
            f"config.json says vocab_size {due:,}, and {listed(described)} "
            f"({_places_of(found, rows)}).",
            f"Fetch config.json and weights of the same model, or {OTHERWISE}",
        )
    if others := [name for name in wrong if name not in rows]:
        described = [
            f"{name} is {shaped(wrong[name][0])} and should be {shaped(wrong[name][1])}"
            for name in others
        ]
        yield _problem(
            Code.WRONG_SHAPES,
            f"{len(others):,} of {counted(len(expected.required), 'tensor')} "
            f"{agree(len(others), 'has', 'have')} another shape than "
            f"config.json calls for: {listed(described)} ({_places_of(found, others)}).",
            f"Fetch config.json and weights of the same model, or {OTHERWISE}",
        )


def _types(tensors: Iterable[Tensor]) -> Iterator[Problem]:
    odd = [tensor for tensor in tensors if tensor.dtype not in WEIGHT_TYPES]
    if odd:
        described = [f"{tensor.name} as {tensor.dtype}" for tensor in odd]
        yield _problem(
            Code.WRONG_TYPE,
            f"{counted(len(odd), 'tensor', 'is', 'are')} not stored as plain weights: "
            f"{listed(described)}; config.json says nothing of a quantisation.",
        )


def _places_of(found: Mapping[str, Tensor], names: Iterable[str]) -> str:
    return listed(sorted({found[name].file for name in names}))


def _problem(code: Code, what: str, todo: str = INSTEAD) -> Problem:
    return Problem(code=code, what=what, todo=todo)
