"""An export from the store to its files: counted first, recorded before it is handed out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, Final

from chat.export.card import CARD, card
from chat.export.columns import COLUMNS
from chat.export.files import RowFile, as_line, row_file
from chat.export.left_out import Why
from chat.export.order import ExportError, Order
from chat.export.redaction import Redactor, redacted
from chat.export.rows import Row, rows
from chat.export.split import Split, split_of
from chat.export.summary import Counting, Summary
from chat.export.targets import Target
from chat.export.wording import Prompts
from chat.store import ExportRecord, NewExport, Store, WholeConversation
from perm.rubrics import SupporterPrompt, supporter_prompt
from perm.types import PromptError, Value

SUMS: Final = "SHA256SUMS"
BLOCK: Final = 1 << 20


Told = Callable[[int, int], None]


class Exported(Value):
    """`files`: the SHA-256 of each file by its name, as SHA256SUMS holds them."""

    summary: Summary
    record: ExportRecord
    files: Mapping[str, str]


class Exporter:
    """Makes exports of owners' conversations; everything it reads, it reads as their owner."""

    def __init__(
        self,
        store: Store,
        prompt: SupporterPrompt,
        redactor: Redactor | None = None,
        not_kept: int = 0,
    ) -> None:
        """`not_kept`: how many conversations of the owner live in memory alone, to be counted."""
        self._store = store
        self._prompts = Prompts(prompt)
        self._redactor = redactor
        self._not_kept = not_kept

    async def preview(
        self, order: Order, owners: Sequence[str], told: Told | None = None
    ) -> Summary:
        """What an export would hold. Nothing is written and nothing recorded.

        `told`: hears, now and then, how many conversations were counted, and of how many.
        """
        return await self._collect(order, owners, {}, told)

    async def write(
        self, order: Order, owners: Sequence[str], target: Target, by: str | None
    ) -> Exported:
        """Write an export; `by`: who makes it, None for an administrator.

        Raises `ExportError` where there is nothing to export; nothing is then left behind.
        """
        try:
            return await self._write(order, owners, target, by)
        finally:
            await asyncio.to_thread(target.discard)

    async def _write(
        self, order: Order, owners: Sequence[str], target: Target, by: str | None
    ) -> Exported:
        names = {split: f"{split.value}.{order.file_type.value}" for split in Split}
        files: dict[Split, BinaryIO] = {}
        writers: dict[Split, RowFile] = {}
        for split in Split:
            files[split] = target.open(names[split])
            writers[split] = row_file(order.file_type, files[split], COLUMNS[order.format])
        summary = await self._collect(order, owners, writers)
        if not summary.rows:
            raise ExportError("There is nothing to export.", "See what was left out, and why.")
        for split, writer in writers.items():
            await asyncio.to_thread(writer.close)
            if split not in summary.splits:
                target.drop(names[split])
        data = {names[split]: files[split] for split in summary.splits}
        sums = {name: await asyncio.to_thread(_sum, file) for name, file in data.items()}
        text = card(summary, {split: names[split] for split in summary.splits}, datetime.now(UTC))
        sums[CARD] = _put(target, CARD, text)
        listed = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        _put(target, SUMS, listed)
        record = await self._store.save_export(by, _new(summary))
        await asyncio.to_thread(target.commit)
        return Exported(summary=summary, record=record, files=sums)

    async def _collect(
        self,
        order: Order,
        owners: Sequence[str],
        writers: Mapping[Split, RowFile],
        told: Told | None = None,
    ) -> Summary:
        counting = Counting(order)
        counting.tally[Why.NOT_KEPT] += self._not_kept
        async for whole in self._conversations(order, owners, counting, told):
            await self._learn_prompts(whole)
            await asyncio.to_thread(self._take, whole, order, counting, writers)
        return counting.summary()

    async def _conversations(
        self, order: Order, owners: Sequence[str], counting: Counting, told: Told | None
    ) -> AsyncIterator[WholeConversation]:
        """Those that may be used for this; a consent is looked at before anything else is read."""
        ids = {owner: await self._store.conversation_ids(owner) for owner in owners}
        total, done = sum(map(len, ids.values())), 0
        for owner in owners:
            for conversation_id in ids[owner]:
                if told is not None:
                    told(done, total)
                done += 1
                consents = (await self._store.conversation(owner, conversation_id)).consents
                if not consents.keep:
                    counting.tally[Why.NOT_KEPT] += 1
                elif not getattr(consents, order.purpose):
                    counting.tally[Why.NO_CONSENT] += 1
                else:
                    yield await self._store.whole(owner, conversation_id)

    async def _learn_prompts(self, whole: WholeConversation) -> None:
        """Have the texts of the prompts that its replies were written with."""
        hashes = {reply.prompt_hash for turn in whole.turns for reply in turn.replies}
        for prompt_hash in hashes - self._prompts.known.keys():
            text = await self._store.prompt(prompt_hash)
            try:
                known = supporter_prompt(text) if text else self._prompts.current
            except PromptError:
                known = self._prompts.current
            self._prompts.known[prompt_hash] = known

    def _take(
        self,
        whole: WholeConversation,
        order: Order,
        counting: Counting,
        writers: Mapping[Split, RowFile],
    ) -> None:
        place = whole.conversation.id
        split = split_of(place, order.test_share)
        for made in rows(whole, order, self._prompts, counting.tally):
            row = self._redacted(made, order, counting)
            line = as_line(row.values)
            counting.add(row, split, place, line)
            if split in writers:
                writers[split].write(line, row.values)

    def _redacted(self, row: Row, order: Order, counting: Counting) -> Row:
        if self._redactor is None:
            return row
        columns = COLUMNS[order.format]
        values = redacted(row.values, columns, self._redactor, counting.redacted)
        return row._replace(values=values)


def _new(summary: Summary) -> NewExport:
    order = summary.order
    return NewExport(
        format=order.format.value,
        purpose=order.purpose,
        options=order.model_dump(mode="json", exclude={"format", "purpose"}),
        checksum=summary.checksum,
        items=summary.items,
    )


def _put(target: Target, name: str, text: str) -> str:
    content = text.encode()
    target.open(name).write(content)
    return hashlib.sha256(content).hexdigest()


def _sum(file: BinaryIO) -> str:
    file.flush()
    file.seek(0)
    found = hashlib.sha256()
    while block := file.read(BLOCK):
        found.update(block)
    return found.hexdigest()
