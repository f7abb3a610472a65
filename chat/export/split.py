"""Ids and splits that are the same on every export, whatever else was exported with it."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

NAMESPACE: Final = UUID("7a4c7f0e-9d53-4d0b-8f55-2b1b9b6d6d10")
"""Ours alone; changing it would give every pair another id."""

_SHARES: Final = 2**64


class Split(StrEnum):
    TRAIN = "train"
    TEST = "test"


def split_of(conversation_id: UUID, test_share: float) -> Split:
    """A conversation is in one split whole. What is in test stays there when the share grows."""
    digest = hashlib.sha256(conversation_id.bytes).digest()
    place = int.from_bytes(digest[:8], "big") / _SHARES
    return Split.TEST if place < test_share else Split.TRAIN


def pair_id(source: str, better: UUID, worse: UUID) -> str:
    """The id of a pair, from what it is of."""
    return str(uuid5(NAMESPACE, f"{source} {better} {worse}"))
