"""The store's door to invitations: `Store.invitations`."""

from __future__ import annotations

from uuid import UUID

from chat.store import invitations, purging
from chat.store.database import Database
from chat.store.invitation_records import Invitation, Invited
from chat.store.records import FeedbackInput


class Invitations:
    """For owners, who invite raters; and for whoever has the token, to read and rate.

    What holds for `Store` holds here. A foreign id, a missing one, a token that there is not and
    one that was closed are the same `NotFound`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def invite(
        self, owner: str, conversation_id: UUID, *, with_analysis: bool = False
    ) -> Invitation:
        return await self._database.write(invitations.invite, owner, conversation_id, with_analysis)

    async def get(self, owner: str, conversation_id: UUID) -> Invitation:
        return await self._database.read(invitations.get, owner, conversation_id)

    async def close(self, owner: str, conversation_id: UUID) -> None:
        await self._database.write(invitations.close, owner, conversation_id)

    async def read(self, token: str, rater: str) -> Invited:
        return await self._database.read(invitations.read, token, rater)

    async def rate(self, token: str, rater: str, reply_id: UUID, given: FeedbackInput) -> None:
        await self._database.write(invitations.rate, token, rater, reply_id, given)

    async def withdraw(self, token: str, rater: str) -> None:
        """Takes back all that a rater said, down to the bytes in the files."""
        await self._database.write(invitations.withdraw, token, rater)
        await purging.purge(self._database)
