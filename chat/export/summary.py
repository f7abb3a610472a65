"""What an export holds: counts, digests, what was left out, who wrote and judged."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from chat.export.files import Digest
from chat.export.left_out import Tally, in_words
from chat.export.order import Order
from chat.export.rows import Row
from chat.export.split import Split
from perm.types import Value


class SplitSummary(Value):
    rows: int
    conversations: int
    digest: str


class Summary(Value):
    """`sources`, `models`, `judges`, `prompts`: how many rows by each. `redacted`: by kind."""

    order: Order
    splits: Mapping[Split, SplitSummary]
    left_out: tuple[tuple[int, str, str], ...]
    sources: Mapping[str, int]
    models: Mapping[str, int]
    judges: Mapping[str, int]
    prompts: Mapping[str, int]
    redacted: Mapping[str, int]
    items: Mapping[UUID, int]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.splits.values())

    @property
    def checksum(self) -> str:
        """One SHA-256 for the whole: of the splits' digests, in their order."""
        return _sha256("".join(f"{name} {one.digest}\n" for name, one in self.splits.items()))


class Counting:
    """Counts rows as they are made."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.tally: Tally = Counter()
        self.redacted: Counter[str] = Counter()
        self._digests = {split: Digest() for split in Split}
        self._items: dict[Split, Counter[UUID]] = {split: Counter() for split in Split}
        self._by: dict[str, Counter[str]] = {
            name: Counter() for name in ("source", "model", "judge", "prompt")
        }

    def add(self, row: Row, split: Split, conversation_id: UUID, line: bytes) -> None:
        self._digests[split].add(line)
        self._items[split][conversation_id] += 1
        source, prompt = row.values.get("source"), row.values["prompt_hash"]
        self._by["source"].update([source] if source else [])
        self._by["prompt"].update([prompt])
        self._by["model"].update({f"{reply.model} ({reply.engine})" for reply in row.of})
        self._by["judge"].update(
            {f"{one.judge_model} ({one.method.value})" for reply in row.of if reply.reward
             for one in reply.binding.values()}
        )  # fmt: skip

    def summary(self) -> Summary:

        return Summary(
            order=self.order,
            splits={
                split: SplitSummary(
                    rows=digest.rows, conversations=len(self._items[split]), digest=digest.hex
                )
                for split, digest in self._digests.items()
                if digest.rows
            },
            left_out=tuple(in_words(self.tally)),
            sources=_by_number(self._by["source"]),
            models=_by_number(self._by["model"]),
            judges=_by_number(self._by["judge"]),
            prompts=_by_number(self._by["prompt"]),
            redacted=_by_number(self.redacted),
            items={one: rows for items in self._items.values() for one, rows in items.items()},
        )


def _by_number(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
