"""Hollow checkpoints: vectors whole, matrices empty or absent.

Under DeepSpeed ZeRO-3 each process holds a slice of every large weight and an empty tensor in its
place; small vectors stay whole. A save without gathering writes just that. Loaded, such a model
fails half-way or, worse, runs on random weights.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from perm.checkpoint.architectures import OUTPUT, Expected, is_buffer
from perm.checkpoint.headers import Tensor
from perm.checkpoint.report import INSTEAD, Code, Problem
from perm.checkpoint.shards import Weights
from perm.checkpoint.wording import agree, counted, listed, shaped

_ZERO3: Final = "A ZeRO-3 run that is saved without gathering its weights leaves such files."


def parameters(weights: Weights, tied: bool) -> int:
    """How many numbers the weights hold; a tied output layer is the embedding, counted once."""
    return sum(
        tensor.count
        for name, tensor in weights.tensors.items()
        if not is_buffer(name) and not (tied and name == OUTPUT)
    )


def hollow_tensors(weights: Weights, quantised: bool = False) -> Problem | None:
    """Hollow by what can be seen without knowing the architecture.

    Some quantised formats keep empty tensors on purpose; there only the lack of any matrix tells.
    """
    found = weights.tensors.values()
    empty = [tensor for tensor in found if tensor.count == 0]
    full = any(len(tensor.shape) > 1 and tensor.count for tensor in found)
    if full and (quantised or not empty):
        return None
    if not full and not weights.complete:
        return None  # the matrices may well be in the files that could not be read
    total = sum(tensor.count for tensor in found)
    shown = f": {listed(_empty_shapes(empty))}" if empty else ""
    only = "" if full else ", and no weight matrix at all"
    return _hollow(
        f"it holds {counted(total, 'parameter')}{only}. {len(empty):,} of "
        f"{counted(len(found), 'tensor')} {agree(len(empty), 'is', 'are')} empty{shown}",
        weights,
    )


def hollow_against(weights: Weights, expected: Expected) -> Problem | None:
    """Matrices that are empty, or all of them absent while vectors are there."""
    matrices = {name: shape for name, shape in expected.required.items() if len(shape) > 1}
    found = weights.tensors
    empty = [name for name in found if found[name].count == 0]
    absent = [name for name in matrices if name not in found] if weights.complete else []
    vectors_alone = len(absent) + len([name for name in empty if name in matrices]) == len(matrices)
    known = not found or any(name in expected.shapes for name in found)
    if not empty and not (vectors_alone and known):
        return None
    lost = empty + (absent if vectors_alone else [])
    total = parameters(weights, tied=bool(expected.optional))
    examples = [
        f"{name} has shape {shaped(found[name].shape)}" if name in found else f"{name} is absent"
        for name in lost
    ]
    shape = next((expected.shapes[name] for name in lost if name in expected.shapes), None)
    due = f" ({shaped(shape)} belongs in the first)" if shape else ""
    return _hollow(
        f"it holds {total:,} of {expected.parameters:,} parameters. "
        f"{len(lost):,} of {counted(len(expected.required), 'tensor')} "
        f"{agree(len(lost), 'is', 'are')} empty or absent: {listed(examples)}{due}",
        weights,
    )


def _hollow(how: str, weights: Weights) -> Problem:
    where = listed(weights.files) or "the weights' headers"
    return Problem(
        code=Code.HOLLOW,
        what=f"This checkpoint is hollow: {how}. Seen in {where}. {_ZERO3}",
        todo=INSTEAD,
    )


def _empty_shapes(tensors: Collection[Tensor]) -> list[str]:
    return [f"{tensor.name} has shape {shaped(tensor.shape)}" for tensor in tensors]
