"""The store: everything that is kept, behind one class. Nothing outside this package knows SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from chat.insights.rows import Evidence
from chat.store import (
    conversations,
    evidence,
    exports,
    finding,
    health,
    judgements,
    leases,
    picks,
    prompts,
    purging,
    ratings,
    remarks,
    replies,
    turns,
    whole,
)
from chat.store.account_door import AccountStore
from chat.store.database import Database
from chat.store.errors import StoreFault
from chat.store.export_records import ExportRecord, NewExport, WholeConversation
from chat.store.found import Choices, Filters, FoundPage, Place, Remarks
from chat.store.invitation_door import Invitations
from chat.store.location import locate
from chat.store.opening import open_database
from chat.store.records import (
    Consents,
    Conversation,
    ConversationSummary,
    Feedback,
    FeedbackInput,
    NewReply,
    Reply,
    ReplyUpdate,
    SavedVerdict,
    Turn,
)
from chat.store.reports import Deletion, StoreHealth
from chat.store.study_door import Studies
from chat.store.study_records import PickedBy
from chat.store.writers import Writer
from perm.types import CheckKind, Method, Reward, Verdict


class Store:
    """Conversations with all that hangs on them, each seen by its owner alone.

    What a method has returned is on disk. Every method may raise `StoreError`; those that take an
    id raise `NotFound` for one that is missing or another owner's. A call that has begun is
    finished even if its caller is cancelled. To be used from the event loop that opened it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer.new()
        self.studies = Studies(database)
        self.invitations = Invitations(database)
        self.accounts = AccountStore(database)

    @classmethod
    async def open(cls, url: str, *, data_dir: Path | None = None) -> Self:
        """Opens `sqlite:///FILE`, `sqlite:///:memory:` or `postgresql://...`.

        What is not there is made, an older schema is upgraded.

        `data_dir`: where copies are put before an upgrade; None: beside the file. Raises
        `StoreError` if the database cannot be used, and leaves it as it was.
        """
        database = await open_database(locate(url), data_dir)
        if database.location.path is not None:
            await purging.purge(database)  # one that a crash had cut off
        return cls(database)

    @property
    def faults(self) -> Mapping[StoreFault, int]:
        """How many calls failed since it was opened, by fault."""
        return self._database.faults

    async def close(self) -> None:
        """Waits for what is running, clears what a deletion left, and closes. Idempotent."""
        if self._database.is_open and self._database.location.path is not None:
            await purging.purge(self._database)
        await self._database.close()

    # Conversations

    async def create_conversation(
        self,
        owner: str,
        persona: str,
        scenario: str,
        consents: Consents,
        *,
        title: str = "",
        model: str | None = None,
    ) -> Conversation:
        """Begins a conversation. An empty title becomes the beginning of the first message.

        `model`: the one that was chosen for it, if one was.
        """
        return await self._database.write(
            conversations.create, owner, persona, scenario, consents, title=title, model=model
        )

    async def conversation(self, owner: str, conversation_id: UUID) -> Conversation:
        return await self._database.read(conversations.get, owner, conversation_id)

    async def conversations(
        self, owner: str, limit: int = 50, offset: int = 0
    ) -> list[ConversationSummary]:
        """The owner's conversations, the one last talked in first."""
        return await self._database.read(conversations.listed, owner, limit, offset)

    async def latest_conversation(self, owner: str) -> Conversation | None:
        return await self._database.read(conversations.latest, owner)

    async def rename(self, owner: str, conversation_id: UUID, title: str) -> None:
        await self._database.write(conversations.change, owner, conversation_id, {"title": title})

    async def set_consents(self, owner: str, conversation_id: UUID, consents: Consents) -> None:
        await self._database.write(
            conversations.change, owner, conversation_id, consents.model_dump()
        )

    async def delete_conversation(self, owner: str, conversation_id: UUID) -> Deletion:
        """Deletes a conversation with all that hangs on it, down to the bytes in the files."""
        exports = await self._database.write(conversations.remove, owner, conversation_id)
        deletion = await purging.purge(self._database)
        return deletion.model_copy(update={"exports": tuple(exports)})

    # Turns

    async def add_turn(
        self,
        owner: str,
        conversation_id: UUID,
        message: str,
        parent_reply_id: UUID | None,
        crisis: str | None = None,
    ) -> Turn:
        """Saves what the seeker said after a reply (None: as a first turn). Becomes the head."""
        return await self._database.write(
            turns.add,
            owner,
            conversation_id,
            message,
            parent_reply_id=parent_reply_id,
            crisis=crisis,
        )

    async def turn(self, owner: str, turn_id: UUID) -> Turn:
        """A turn with its replies, verdicts, rewards and the owner's feedback."""
        return await self._database.read(turns.get, owner, turn_id)

    async def path(
        self, owner: str, conversation_id: UUID, turn_id: UUID | None = None
    ) -> list[Turn]:
        """The turns from the first to the head, or to `turn_id`, each with all that is known.

        On it `chosen` marks the reply that the path follows.
        """
        return await self._database.read(turns.path, owner, conversation_id, turn_id)

    async def siblings(self, owner: str, turn_id: UUID) -> list[UUID]:
        """The turns that stand at the same place, this one among them, oldest first."""
        return await self._database.read(turns.siblings, owner, turn_id)

    async def set_head(self, owner: str, conversation_id: UUID, turn_id: UUID) -> None:
        """Opens the path that ends in this turn; the replies on it become the chosen ones."""
        await self._database.write(turns.set_head, owner, conversation_id, turn_id)

    # Replies

    async def add_reply(
        self, owner: str, turn_id: UUID, new: NewReply, *, chosen: bool = True
    ) -> Reply:
        """One more reply to a turn, being written; its turn becomes the head."""
        return await self._database.write(replies.add, owner, turn_id, new, chosen)

    async def update_reply(self, owner: str, reply_id: UUID, update: ReplyUpdate) -> None:
        """Replaces the state of a reply."""
        await self._database.write(replies.bring_up_to_date, owner, reply_id, update)

    async def reply(self, owner: str, reply_id: UUID) -> Reply:
        """A reply with its verdicts, reward and the owner's feedback."""
        return await self._database.read(replies.get, owner, reply_id)

    async def choose_reply(self, owner: str, reply_id: UUID) -> None:
        """Goes on from this reply: what was said after it comes back, else its turn is the head."""
        await self._database.write(replies.choose, owner, reply_id)

    async def pick_reply(self, owner: str, reply_id: UUID, picked_by: PickedBy) -> None:
        """Goes on from this reply, and notes that the turn's others were passed over for it."""
        await self._database.write(picks.save, owner, reply_id, picked_by)

    async def mark_interrupted(self) -> int:
        """On start, before anything is written: how many replies nobody will finish any more.

        Those that another living process is writing are left alone.
        """
        return await self._database.write(leases.mark_interrupted, self._writer)

    # Who writes where, if several processes share the database

    async def claim(self, owner: str, conversation_id: UUID) -> bool:
        """Takes a conversation for a reply of this process; False: another one writes there."""
        return await self._database.write(leases.take, owner, conversation_id, self._writer)

    async def release(self, conversation_id: UUID) -> None:
        """Gives it back. What is not released runs out by itself."""
        await self._database.write(leases.release, conversation_id, self._writer)

    async def is_written_elsewhere(self, owner: str, conversation_id: UUID) -> bool:
        """Whether another process writes in it."""
        return await self._database.read(leases.elsewhere, owner, conversation_id, self._writer)

    async def is_claimed_elsewhere(self, conversation_id: UUID) -> bool:
        """The same, for the app's own work: whoever's conversation it is."""
        return await self._database.read(leases.held, conversation_id, self._writer)

    async def renew_claims(self) -> int:
        """Every few seconds: holds what is claimed, and marks what dead processes left behind."""
        if not await self._database.read(leases.any_taken):
            return 0
        return await self._database.write(leases.renew, self._writer)

    # What is said of replies

    async def save_verdict(self, owner: str, reply_id: UUID, verdict: Verdict) -> SavedVerdict:
        """Adds a verdict; earlier ones stay (`perm.types.binding` says which one counts)."""
        return await self._database.write(judgements.save_verdict, owner, reply_id, verdict)

    async def save_reward(self, owner: str, reply_id: UUID, reward: Reward) -> None:
        """Replaces the reward of a reply."""
        await self._database.write(judgements.save_reward, owner, reply_id, reward)

    async def save_feedback(self, owner: str, reply_id: UUID, feedback: FeedbackInput) -> Feedback:
        """Replaces what this owner said of this reply."""
        return await self._database.write(ratings.save, owner, reply_id, feedback)

    # Finding again

    async def search(
        self, owner: str, filters: Filters, after: Place | None = None, limit: int = 25
    ) -> FoundPage:
        """The owner's replies that fit, newest first, from after a place on."""
        return await self._database.read(finding.search, owner, filters, after, limit)

    async def choices(self, owner: str) -> Choices:
        """The models, judges and tags that this owner can filter by."""
        return await self._database.read(finding.choices, owner)

    async def remarks(self, owner: str, conversation_id: UUID) -> Remarks:
        return await self._database.read(remarks.get, owner, conversation_id)

    async def save_tags(self, owner: str, conversation_id: UUID, names: Sequence[str]) -> None:
        """Replaces a conversation's tags."""
        await self._database.write(remarks.save_tags, owner, conversation_id, names)

    async def save_note(self, owner: str, conversation_id: UUID, words: str) -> None:
        """Replaces a conversation's note; an empty one is none."""
        await self._database.write(remarks.save_note, owner, conversation_id, words)

    async def evidence(self, owner: str) -> Evidence:
        """What the owner's own data say in numbers: scores, ratings, times."""
        return await self._database.read(evidence.read, owner)

    # What judges and prompts there were

    async def save_prompt(self, prompt_hash: str, name: str, text: str) -> None:
        """Keeps what a hash stands for. A second time changes nothing."""
        await self._database.write(prompts.save, prompt_hash, name, text)

    async def prompt(self, prompt_hash: str) -> str | None:
        """The text that a hash stands for, None if it was never used here."""
        return await self._database.read(prompts.get, prompt_hash)

    async def save_selfcheck(
        self, judge_model: str, prompt_hash: str, method: Method, results: Mapping[str, Any]
    ) -> None:
        await self._database.write(
            prompts.save_selfcheck, judge_model, prompt_hash, method, results
        )

    async def latest_selfcheck(
        self,
        judge_model: str,
        prompt_hash: str,
        method: Method,
        kind: CheckKind = CheckKind.LEVELS,
    ) -> Mapping[str, Any] | None:
        return await self._database.read(
            prompts.latest_selfcheck, judge_model, prompt_hash, method, kind
        )

    # Exports

    async def conversation_ids(self, owner: str) -> list[UUID]:
        """All of the owner's conversations, oldest first."""
        return await self._database.read(whole.conversation_ids, owner)

    async def whole(self, owner: str, conversation_id: UUID) -> WholeConversation:
        """A conversation with every turn of its tree and what all raters said of it."""
        return await self._database.read(whole.whole, owner, conversation_id)

    async def save_export(self, owner: str | None, new: NewExport) -> ExportRecord:
        """Keeps what an export holds, before it is handed out. None: an administrator's."""
        return await self._database.write(exports.save, owner, new)

    async def exports(self, owner: str | None, limit: int = 50) -> list[ExportRecord]:
        """The owner's exports, latest first. None: everybody's, for an administrator alone."""
        return await self._database.read(exports.listed, owner, limit)

    async def owners(self) -> list[str]:
        """Everybody who has a conversation here. For an administrator alone."""
        return await self._database.read(whole.owners)

    # The store itself

    async def check(self, *, thorough: bool = False) -> StoreHealth:
        """Is all well? Never raises `StoreError`.

        `thorough` also reads every page and reference of a SQLite file, which takes seconds where
        it is large: for `doctor`, not for a request that comes every few seconds.
        """
        return await health.check(self._database, thorough)
