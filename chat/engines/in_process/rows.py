"""Sequences that go through the model together, each with its keys and values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import pad

from chat.engines.in_process.growing import cache_of, layers_in
from chat.engines.in_process.loading import Loaded
from chat.engines.in_process.prefixes import Layers
from chat.engines.in_process.row import Row


class Rows:
    """A batch that rows join and leave. Shorter ones are filled up on the left.

    A row's tokens need not lie side by side: `_real` marks where they are, and what lies between
    is never attended to. Positions are counted by tokens, so that keys stay right when a row moves
    to another batch.
    """

    def __init__(self, loaded: Loaded, rows: Sequence[Row], known: Sequence[Layers]) -> None:
        """`known`: for each row the layers of its first `row.fed` tokens, empty where 0."""
        self._loaded = loaded
        self.rows = list(rows)
        width = max(row.fed for row in rows)
        self._real = torch.zeros((len(rows), width), dtype=torch.long, device=loaded.device)
        for index, row in enumerate(rows):
            self._real[index, width - row.fed :] = 1
        self._cache = cache_of(_stacked(known, width))

    @torch.inference_mode()
    def feed(self, pieces: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read on, a piece for each row; the scores after its last token, (rows, vocabulary).

        A row without a piece stays as it is, and its scores mean nothing.
        """
        device, wide = self._loaded.device, max(map(len, pieces))
        tokens = torch.zeros((len(pieces), wide), dtype=torch.long)
        real = torch.zeros_like(tokens)
        positions = torch.zeros_like(tokens)
        for index, (row, piece) in enumerate(zip(self.rows, pieces, strict=True)):
            begin = wide - len(piece)
            tokens[index, begin:] = torch.tensor(piece, dtype=torch.long)
            real[index, begin:] = 1
            positions[index, begin:] = torch.arange(row.fed, row.fed + len(piece))
        self._real = torch.cat([self._real, real.to(device)], dim=1)
        answer = self._loaded.model(
            input_ids=tokens.to(device),
            attention_mask=self._real if len(pieces) > 1 else None,
            position_ids=positions.to(device),
            cache=self._cache,
            use_cache=True,
            logits_to_keep=1,
            **self._loaded.speaking_as([row.adapter for row in self.rows]),
        )
        for row, piece in zip(self.rows, pieces, strict=True):
            row.fed += len(piece)
        scores: torch.Tensor = answer.logits[:, -1].float()
        return scores

    @torch.inference_mode()
    def layers_of(self, row: Row) -> Layers:
        """The keys and values of that row alone, in order. No copy where it is alone."""
        index = self.rows.index(row)
        if len(self.rows) == 1 and self._width == row.fed:
            return layers_in(self._cache)
        where = self._real[index].nonzero().flatten()
        return tuple(
            (keys[index : index + 1, :, where], values[index : index + 1, :, where])
            for keys, values in layers_in(self._cache)
        )

    @torch.inference_mode()
    def leave(self, gone: Sequence[Row]) -> None:
        """Take rows out, and the columns that nobody needs any more."""
        stay = [index for index, row in enumerate(self.rows) if row not in gone]
        self.rows = [self.rows[index] for index in stay]
        if not self.rows:
            self._cache = cache_of(())
            return
        chosen = torch.tensor(stay, device=self._loaded.device)
        real = self._real[chosen]
        needed = real.any(dim=0).nonzero().flatten()
        self._real = real[:, needed]
        self._cache = cache_of(
            tuple(
                (keys[chosen][:, :, needed], values[chosen][:, :, needed])
                for keys, values in layers_in(self._cache)
            )
        )

    @torch.inference_mode()
    def join(self, other: Rows) -> None:
        """Take in the rows of another batch, which is empty afterwards."""
        if not self.rows:
            self.rows, self._real, self._cache = other.rows, other._real, other._cache
        else:
            width = max(self._width, other._width)
            self._real = torch.cat([_filled(one._real, width) for one in (self, other)])
            both = zip(layers_in(self._cache), layers_in(other._cache), strict=True)
            self._cache = cache_of(
                tuple(
                    (
                        torch.cat([_wide(mine[0], width), _wide(theirs[0], width)]),
                        torch.cat([_wide(mine[1], width), _wide(theirs[1], width)]),
                    )
                    for mine, theirs in both
                )
            )
            self.rows += other.rows
        other.rows = []

    @property
    def _width(self) -> int:
        return self._real.shape[1]


def _stacked(known: Sequence[Layers], width: int) -> Layers:
    """One batch of the rows' layers. A row that knows nothing is zeros."""
    if len(known) == 1:
        return known[0]
    pattern = next((layers for layers in known if layers), None)
    if pattern is None:
        return ()
    return tuple(
        (
            torch.cat([_wide(_part(layers, at, 0, pattern), width) for layers in known]),
            torch.cat([_wide(_part(layers, at, 1, pattern), width) for layers in known]),
        )
        for at in range(len(pattern))
    )


def _part(layers: Layers, at: int, which: int, pattern: Layers) -> torch.Tensor:
    return layers[at][which] if layers else pattern[at][which][:, :, :0]


def _wide(tensor: torch.Tensor, width: int) -> torch.Tensor:
    """Filled up with zeros on the left."""
    return pad(tensor, (0, 0, width - tensor.shape[-2], 0))


def _filled(real: torch.Tensor, width: int) -> torch.Tensor:
    return pad(real, (width - real.shape[1], 0))
