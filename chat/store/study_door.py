"""The store's door to studies: `Store.studies`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chat.store import purging, sheets, studies
from chat.store.database import Database
from chat.store.reports import Deletion
from chat.store.study_records import (
    Ballot,
    Item,
    NewStudy,
    NewVote,
    Progress,
    Sheet,
    Study,
    StudyPrompt,
    StudySummary,
)


class Studies:
    """Studies for their owners, and the sheets of a study for whoever has its token.

    What holds for `Store` holds here. A foreign id, a missing one, a token that there is not and a
    rater who has not joined are the same `NotFound`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # For the owner

    async def create(self, owner: str, new: NewStudy, prompts: Sequence[StudyPrompt]) -> Study:
        """A study, its items and their conversations, all at once or not at all."""
        return await self._database.write(studies.create, owner, new, prompts)

    async def add_item(self, owner: str, study_id: UUID, prompt: StudyPrompt) -> Item:
        return await self._database.write(studies.add_item, owner, study_id, prompt)

    async def get(self, owner: str, study_id: UUID) -> Study:
        return await self._database.read(studies.get, owner, study_id)

    async def listed(self, owner: str) -> list[StudySummary]:
        """The owner's studies, newest first."""
        return await self._database.read(studies.listed, owner)

    async def summary(self, owner: str, study_id: UUID) -> StudySummary:
        return await self._database.read(studies.summary, owner, study_id)

    async def items(self, owner: str, study_id: UUID) -> list[Item]:
        return await self._database.read(studies.items, owner, study_id)

    async def set_replies(
        self, owner: str, item_id: UUID, a_reply_id: UUID, b_reply_id: UUID
    ) -> None:
        await self._database.write(studies.set_replies, owner, item_id, a_reply_id, b_reply_id)

    async def set_error(self, owner: str, item_id: UUID, error: str | None) -> None:
        """Why an item has no replies; None: it is to be tried again."""
        await self._database.write(studies.set_error, owner, item_id, error)

    async def close(self, owner: str, study_id: UUID, *, closed: bool = True) -> None:
        """Take no more votes, or take them again."""
        await self._database.write(studies.close, owner, study_id, closed)

    async def delete(self, owner: str, study_id: UUID) -> Deletion:
        """Deletes a study, its conversations and its votes, down to the bytes in the files."""
        await self._database.write(studies.remove, owner, study_id)
        return await purging.purge(self._database)

    async def ballots(self, owner: str, study_id: UUID | None = None) -> list[Ballot]:
        """Every vote in one study of the owner's, or in all of them."""
        return await self._database.read(studies.ballots, owner, study_id)

    async def waiting(self) -> list[tuple[Study, Item]]:
        """On start: what still has to be answered, of every owner."""
        return await self._database.read(studies.waiting)

    # For whoever has the token

    async def by_token(self, token: str) -> Study:
        return await self._database.read(sheets.by_token, token)

    async def join(self, token: str, rater: str) -> None:
        """The rater's consent; again it changes nothing."""
        await self._database.write(sheets.join, token, rater)

    async def progress(self, token: str, rater: str) -> Progress:
        return await self._database.read(sheets.progress, token, rater)

    async def next_sheet(self, token: str, rater: str) -> Sheet | None:
        return await self._database.write(sheets.next_sheet, token, rater)

    async def sheet(self, token: str, rater: str, comparison_id: UUID) -> Sheet:
        return await self._database.read(sheets.sheet, token, rater, comparison_id)

    async def save_vote(self, token: str, rater: str, comparison_id: UUID, given: NewVote) -> None:
        """Keeps a vote; the first one counts."""
        await self._database.write(sheets.save_vote, token, rater, comparison_id, given)

    async def own_ballot(self, token: str, rater: str, comparison_id: UUID) -> Ballot:
        """Who stood where, after the rater's vote and not before."""
        return await self._database.read(sheets.own_ballot, token, rater, comparison_id)

    async def withdraw(self, token: str, rater: str) -> Deletion:
        """Takes back all that a rater gave to a study."""
        await self._database.write(sheets.withdraw, token, rater)
        return await purging.purge(self._database)
