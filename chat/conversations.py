"""Every owner's conversations: those that are kept, and those that must leave no trace."""

from __future__ import annotations

from uuid import UUID

from chat.limits import Refused
from chat.store import Deletion, NotFound, Store
from chat.store.found import Choices, Filters, FoundPage, Place, Remarks
from chat.store.invitation_records import Invitation
from chat.store.records import (
    Consents,
    Conversation,
    ConversationSummary,
    Feedback,
    FeedbackInput,
    Reply,
    ReplyStatus,
    Turn,
)
from chat.store.study_records import PickedBy


class Conversations:
    """Two stores behind one door: `kept` on disk, `unkept` in memory and gone with the app.

    A foreign id and a missing one give the same `NotFound`.
    """

    def __init__(self, kept: Store, unkept: Store) -> None:
        self.kept, self.unkept = kept, unkept

    async def begin(
        self,
        owner: str,
        persona: str,
        scenario: str,
        consents: Consents,
        model: str | None = None,
    ) -> Conversation:
        """A new conversation, on disk only if the seeker consents to that.

        `model`: the one that answers in it; None: the engine's first.
        """
        store = self.kept if consents.keep else self.unkept
        return await store.create_conversation(owner, persona, scenario, consents, model=model)

    async def find(self, owner: str, conversation_id: UUID) -> tuple[Store, Conversation]:
        """A conversation and the store it lives in."""
        try:
            return self.unkept, await self.unkept.conversation(owner, conversation_id)
        except NotFound:
            return self.kept, await self.kept.conversation(owner, conversation_id)

    async def find_turn(self, owner: str, turn_id: UUID) -> tuple[Store, Conversation]:
        """The conversation of a turn and the store it lives in."""
        store = self.unkept
        try:
            turn = await store.turn(owner, turn_id)
        except NotFound:
            store = self.kept
            turn = await store.turn(owner, turn_id)
        return store, await store.conversation(owner, turn.conversation_id)

    async def find_reply(self, owner: str, reply_id: UUID) -> tuple[Store, Conversation]:
        """The conversation of a reply and the store it lives in."""
        store = self.unkept
        try:
            reply = await store.reply(owner, reply_id)
        except NotFound:
            store = self.kept
            reply = await store.reply(owner, reply_id)
        turn = await store.turn(owner, reply.turn_id)
        return store, await store.conversation(owner, turn.conversation_id)

    async def conversation(self, owner: str, conversation_id: UUID) -> Conversation:
        return (await self.find(owner, conversation_id))[1]

    async def conversations(self, owner: str, limit: int = 50) -> list[ConversationSummary]:
        """The owner's conversations, newest first, kept or not."""
        found = await self.unkept.conversations(owner, limit)
        found += await self.kept.conversations(owner, limit)
        return sorted(found, key=lambda one: one.updated_at, reverse=True)[:limit]

    async def latest_conversation(self, owner: str) -> Conversation | None:
        found = [
            one
            for store in (self.unkept, self.kept)
            if (one := await store.latest_conversation(owner)) is not None
        ]
        return max(found, key=lambda one: one.updated_at, default=None)

    async def path(self, owner: str, conversation_id: UUID) -> list[Turn]:
        """The open path, first turn first, each turn with all that is known of it."""
        store, _ = await self.find(owner, conversation_id)
        return await store.path(owner, conversation_id)

    async def path_to(self, owner: str, turn_id: UUID) -> tuple[Conversation, list[Turn]]:
        """The path that ends in a turn, open or not, and its conversation."""
        store, place = await self.find_turn(owner, turn_id)
        return place, await store.path(owner, place.id, turn_id)

    async def reply(self, owner: str, reply_id: UUID) -> Reply:
        store, _ = await self.find_reply(owner, reply_id)
        return await store.reply(owner, reply_id)

    async def siblings(self, owner: str, turn_id: UUID) -> list[UUID]:
        """The turns that stand at the same place, oldest first: what edits have left."""
        store, _ = await self.find_turn(owner, turn_id)
        return await store.siblings(owner, turn_id)

    async def rename(self, owner: str, conversation_id: UUID, title: str) -> None:
        store, _ = await self.find(owner, conversation_id)
        await store.rename(owner, conversation_id, title)

    async def set_consents(self, owner: str, conversation_id: UUID, consents: Consents) -> None:
        """Change what may be done with a conversation. Where it lives does not change by this."""
        store, _ = await self.find(owner, conversation_id)
        await store.set_consents(owner, conversation_id, consents)

    async def set_head(self, owner: str, conversation_id: UUID, turn_id: UUID) -> None:
        """Open the path that ends in this turn."""
        store, _ = await self.find(owner, conversation_id)
        await store.set_head(owner, conversation_id, turn_id)

    async def choose_reply(self, owner: str, reply_id: UUID) -> None:
        """Make this the reply its conversation goes on from."""
        store, _ = await self.find_reply(owner, reply_id)
        await store.choose_reply(owner, reply_id)

    async def pick_reply(self, owner: str, reply_id: UUID, picked_by: PickedBy) -> None:
        """Go on from this reply; the others of its turn stay, passed over for it."""
        store, _ = await self.find_reply(owner, reply_id)
        await store.pick_reply(owner, reply_id, picked_by)

    async def pick_highest(self, owner: str, turn_id: UUID) -> UUID:
        """Pick the reply with the highest reward, the earlier of equal ones. Gives which it was."""
        store, _ = await self.find_turn(owner, turn_id)
        replies = (await store.turn(owner, turn_id)).replies
        scored = [one for one in replies if one.reward and one.status is ReplyStatus.COMPLETE]
        if not scored:
            raise Refused(
                "None of these replies has a reward yet.", "Wait for the scores, or pick yourself."
            )
        best = max(scored, key=lambda one: one.reward.total if one.reward else 0.0)
        await store.pick_reply(owner, best.id, PickedBy.REWARD)
        return best.id

    async def go_on_from(self, owner: str, reply_id: UUID) -> UUID:
        """Open the path that ends in this reply; what followed it stays as another branch."""
        store, place = await self.find_reply(owner, reply_id)
        turn_id = (await store.reply(owner, reply_id)).turn_id
        await store.choose_reply(owner, reply_id)
        await store.set_head(owner, place.id, turn_id)
        return place.id

    # Finding again

    async def search(
        self, owner: str, filters: Filters, after: Place | None = None, limit: int = 25
    ) -> FoundPage:
        """Replies that fit, kept or not, newest first."""
        pages = [
            await store.search(owner, filters, after, limit) for store in (self.unkept, self.kept)
        ]
        rows = sorted(
            (row for page in pages for row in page.rows),
            key=lambda row: (row.created_at, row.reply_id.hex),
            reverse=True,
        )
        more = len(rows) > limit or any(page.after for page in pages)
        shown = tuple(rows[:limit])
        return FoundPage(rows=shown, after=shown[-1].place if more and shown else None)

    async def choices(self, owner: str) -> Choices:
        one, other = await self.unkept.choices(owner), await self.kept.choices(owner)
        return Choices(
            models=tuple(sorted({*one.models, *other.models})),
            judges=tuple(sorted({*one.judges, *other.judges})),
            tags=tuple(sorted({*one.tags, *other.tags})),
        )

    async def remarks(self, owner: str, conversation_id: UUID) -> Remarks:
        store, _ = await self.find(owner, conversation_id)
        return await store.remarks(owner, conversation_id)

    async def save_remarks(self, owner: str, conversation_id: UUID, remarks: Remarks) -> Remarks:
        """Replaces tags and note; gives them as they are kept."""
        store, _ = await self.find(owner, conversation_id)
        await store.save_tags(owner, conversation_id, remarks.tags)
        await store.save_note(owner, conversation_id, remarks.note)
        return await store.remarks(owner, conversation_id)

    async def save_feedback(self, owner: str, reply_id: UUID, feedback: FeedbackInput) -> Feedback:
        store, _ = await self.find_reply(owner, reply_id)
        return await store.save_feedback(owner, reply_id, feedback)

    async def invite(
        self, owner: str, conversation_id: UUID, *, with_analysis: bool = False
    ) -> Invitation:
        """A link by which others rate this conversation's replies; only for one that is kept."""
        store, _ = await self.find(owner, conversation_id)
        if store is self.unkept:
            raise Refused(
                "This conversation is not kept, so nobody else can rate it.",
                "Begin one with Keep this conversation ticked.",
            )
        return await store.invitations.invite(owner, conversation_id, with_analysis=with_analysis)

    async def close_invitation(self, owner: str, conversation_id: UUID) -> Invitation:
        """Take no more ratings by the link."""
        await self.kept.invitations.close(owner, conversation_id)
        return await self.kept.invitations.get(owner, conversation_id)

    async def delete(self, owner: str, conversation_id: UUID) -> Deletion:
        """Delete means delete: rows, and the bytes they left in the file."""
        store, _ = await self.find(owner, conversation_id)
        return await store.delete_conversation(owner, conversation_id)
