"""A cache layer with room to grow: a new token does not copy all that came before it."""

from __future__ import annotations

from typing import Any, Final

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from chat.engines.in_process.prefixes import Layers

ROOM: Final = 128
"""Tokens of room that a layer takes when it has none left, and an eighth of its length more."""


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values at the beginning of tensors that are longer.

    It begins with tensors that may be somebody else's and never writes into those.
    """

    def __init__(
        self, keys: torch.Tensor | None = None, values: torch.Tensor | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._keys_room: torch.Tensor | None = None
        self._values_room: torch.Tensor | None = None
        if keys is not None and values is not None:
            self.lazy_initialization(keys, values)
            self.keys, self.values = keys, values

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *_: Any,  # noqa: ANN401 - as in the base class
        **__: Any,  # noqa: ANN401 - as in the base class
    ) -> tuple[torch.Tensor, torch.Tensor]:
        begin = self.get_seq_length()
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = begin + key_states.shape[-2]
        self._keys_room = _grown(self._keys_room, self.keys, key_states, begin, end)
        self._values_room = _grown(self._values_room, self.values, value_states, begin, end)
        self.keys = self._keys_room[:, :, :end]
        self.values = self._values_room[:, :, :end]
        return self.keys, self.values


def _grown(
    room: torch.Tensor | None,
    held: torch.Tensor | None,
    more: torch.Tensor,
    begin: int,
    end: int,
) -> torch.Tensor:
    if room is None or room.shape[-2] < end:
        rows, heads, _, size = more.shape
        room = more.new_empty((rows, heads, end + end // 8 + ROOM, size))
        if begin and held is not None:
            room[:, :, :begin] = held
    room[:, :, begin:end] = more
    return room


def cache_of(layers: Layers) -> DynamicCache:
    """A cache that continues these layers; an empty one from none."""
    cache = DynamicCache()
    cache.layer_class_to_replicate = GrowingLayer
    cache.layers = [GrowingLayer(keys, values) for keys, values in layers]
    return cache


def layers_in(cache: DynamicCache) -> Layers:
    """The keys and values in a cache of that kind."""
    layers: list[Any] = cache.layers
    return tuple((layer.keys, layer.values) for layer in layers)
