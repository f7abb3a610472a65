"""Keys and values that were computed before, found again by the longest common beginning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch

Layers = tuple[tuple[torch.Tensor, torch.Tensor], ...]
"""Keys and values of each layer: (1, heads, tokens, size)."""

Tokens = tuple[int, ...]
Key = tuple[str, Tokens]
"""Whose keys and values they are (an adapter's name, or nothing for the backbone), and of what."""


class Prefixes:
    """Kept beginnings, one for each line of prompts that grow at their end.

    There is one a perspective and one for the supporter in each conversation, since each begins
    with a prompt of its own. What one model read is of no use to another. The one that was used
    longest ago leaves when there are more than `limit` bytes. Tensors are handed out as views:
    whoever continues one copies it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Key, Layers] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return sum(map(_bytes, self._kept.values()))

    def __len__(self) -> int:
        return len(self._kept)

    def longest(self, tokens: Sequence[int], most: int, model: str = "") -> tuple[int, Layers]:
        """How many tokens at the beginning are known, at most `most`; with their layers."""
        wanted = tuple(tokens[:most])
        best, found = 0, None
        for kept in self._of(model):
            common = common_beginning(wanted, kept[1])
            if common > best:
                best, found = common, kept
        if found is None:
            return 0, ()
        self._kept.move_to_end(found)
        return best, tuple(
            (keys[:, :, :best], values[:, :, :best]) for keys, values in self._kept[found]
        )

    def keep(self, tokens: Sequence[int], layers: Layers, model: str = "") -> None:
        """Remember these; a kept one that is their beginning is no longer needed."""
        new = tuple(tokens)
        for kept in self._of(model):
            common = common_beginning(new, kept[1])
            if common == len(new):  # it is known already
                self._kept.move_to_end(kept)
                return
            if common == len(kept[1]):
                del self._kept[kept]
        self._kept[model, new] = layers
        size = self.size
        while size > self._limit and self._kept:
            _, gone = self._kept.popitem(last=False)
            size -= _bytes(gone)

    def clear(self) -> None:
        self._kept.clear()

    def _of(self, model: str) -> list[Key]:
        return [key for key in self._kept if key[0] == model]


def common_beginning(one: Tokens, other: Tokens) -> int:
    """How many tokens both begin with. By halves: comparing slices is quick."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _bytes(layers: Layers) -> int:
    """What they occupy, room for growth included."""
    return sum(tensor.untyped_storage().nbytes() for pair in layers for tensor in pair)
