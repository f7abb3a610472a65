"""The arena: studies are made, answered ahead of their raters, rated by token, and read.

Replies are written through the session, as all are, in conversations of the study's owner. What a
rater gets is `chat.store.sheets`' texts, masked; who was who comes from a ballot, after the vote.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chat.answering import JUDGED
from chat.arena.contestants import Contestants
from chat.arena.masking import mask
from chat.arena.results import Results, results
from chat.elsewhere import ANSWERING
from chat.events import ReplyDone, TurnFailed, TurnSaved
from chat.limits import Refused
from chat.session import Session
from chat.store.study_records import (
    Ballot,
    Item,
    NewStudy,
    NewVote,
    Progress,
    Sheet,
    Side,
    Study,
    StudyKind,
    StudyPrompt,
    StudySummary,
)
from perm.types import PermError

log = logging.getLogger(__name__)

MAX_WHY: Final = 2000
"""Characters of a word why."""


class Arena:
    """Studies for their owners, sheets for whoever has a study's token."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._studies = session.kept.studies
        self.contestants = Contestants(session.serving, session.kept)
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Answer what still waits, in the background, whenever nobody is being answered."""
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """What is half written is answered anew on the next start."""
        tasks = [*self._running.values(), *([self._worker] if self._worker else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # For a study's owner

    async def create(self, owner: str, new: NewStudy, prompts: Sequence[StudyPrompt]) -> Study:
        """A study; its replies begin to be written at once."""
        if (new.a.model, new.a.prompt_hash) == (new.b.model, new.b.prompt_hash):
            raise Refused(
                "Both contestants are the same.", "Give one another model or another prompt."
            )
        if not new.name.strip():
            raise Refused("The study has no name.", "Give it one: you will see it in the list.")
        study = await self._studies.create(owner, new, prompts)
        self.start()
        return study

    async def listed(self, owner: str) -> list[StudySummary]:
        return await self._studies.listed(owner)

    async def summary(self, owner: str, study_id: UUID) -> StudySummary:
        return await self._studies.summary(owner, study_id)

    async def results(self, owner: str, study_id: UUID) -> Results:
        return results(await self._studies.ballots(owner, study_id))

    async def ballots(self, owner: str, study_id: UUID) -> list[Ballot]:
        return await self._studies.ballots(owner, study_id)

    async def items(self, owner: str, study_id: UUID) -> list[Item]:
        return await self._studies.items(owner, study_id)

    async def try_again(self, owner: str, study_id: UUID) -> None:
        """Answer once more what had failed."""
        for item in await self._studies.items(owner, study_id):
            if item.error is not None:
                await self._studies.set_error(owner, item.id, None)
        self.start()

    async def close(self, owner: str, study_id: UUID, *, closed: bool = True) -> None:
        await self._studies.close(owner, study_id, closed=closed)

    async def delete(self, owner: str, study_id: UUID) -> None:
        """Delete means delete: its conversations, raters and votes."""
        for item in await self._studies.items(owner, study_id):
            if (task := self._running.get(item.id)) is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await self._session.stop(owner, item.conversation_id)
        await self._studies.delete(owner, study_id)

    # For whoever has the token

    async def by_token(self, token: str) -> Study:
        return await self._studies.by_token(token)

    async def join(self, token: str, rater: str) -> None:
        await self._open(token)
        await self._studies.join(token, rater)

    async def progress(self, token: str, rater: str) -> Progress:
        return await self._studies.progress(token, rater)

    async def next_sheet(self, token: str, rater: str) -> Sheet | None:
        """The rater's next comparison, masked."""
        study = await self._open(token)
        sheet = await self._studies.next_sheet(token, rater)
        return self._masked(study, sheet) if sheet else None

    async def vote(self, token: str, rater: str, comparison_id: UUID, given: NewVote) -> None:
        await self._open(token)
        if given.why is not None and len(given.why) > MAX_WHY:
            raise Refused(
                f"The reason has {len(given.why):,} characters; at most {MAX_WHY:,} are taken.",
                "Shorten it and send it again.",
            )
        await self._studies.save_vote(token, rater, comparison_id, given)

    async def seen(self, token: str, rater: str, comparison_id: UUID) -> tuple[Sheet, Ballot]:
        """A comparison with who was who, after the rater's vote. In one's own arena alone.

        Raters of a study would know the two by the third prompt if they were told.
        """
        study = await self._studies.by_token(token)
        if study.kind is not StudyKind.OWN:
            raise Refused("Who is who is not told in a study.", "Its owner sees the results.")
        ballot = await self._studies.own_ballot(token, rater, comparison_id)
        sheet = await self._studies.sheet(token, rater, comparison_id)
        return self._masked(study, sheet), ballot

    async def withdraw(self, token: str, rater: str) -> None:
        await self._studies.withdraw(token, rater)

    async def say(self, token: str, owner: str, prompt: StudyPrompt) -> None:
        """A message of one's own for both contestants. Only the study's owner may write one."""
        study = await self._open(token)
        if study.kind is not StudyKind.OWN or study.owner != owner:
            raise Refused("This study has its prompts already.", "Rate those that it has.")
        limits = self._session.limits
        limits.check_message(prompt.message)
        limits.check_text("persona", prompt.persona)
        limits.check_text("scenario", prompt.scenario)
        limits.count_turn(owner, len(Side))
        item = await self._studies.add_item(owner, study.id, prompt)
        self._begin(study, item)

    async def _open(self, token: str) -> Study:
        study = await self._studies.by_token(token)
        if study.closed:
            raise Refused("This study is closed.", "It takes no more votes; thank you.")
        return study

    def _masked(self, study: Study, sheet: Sheet) -> Sheet:
        names = self.contestants.names(study.a, study.b)
        return sheet.model_copy(
            update={"left": mask(sheet.left, names), "right": mask(sheet.right, names)}
        )

    # How replies are written ahead

    async def _work(self) -> None:
        """One item after the other; a failed one is marked and does not stop the rest."""
        while True:
            found = [one for one in await self._studies.waiting() if await self._free(one[1])]
            if not found:
                return
            await self._session.serving.line.idle()
            await asyncio.wait({self._begin(*found[0])})

    async def _free(self, item: Item) -> bool:
        """Whether nobody answers it already: here, or in another process of this app."""
        if item.id in self._running:
            return False
        return not await self._session.kept.is_claimed_elsewhere(item.conversation_id)

    def _begin(self, study: Study, item: Item) -> asyncio.Task[None]:
        task = asyncio.create_task(self._answer(study, item))
        self._running[item.id] = task
        task.add_done_callback(lambda _: self._running.pop(item.id, None))
        return task

    async def _answer(self, study: Study, item: Item) -> None:
        try:
            error = await self._write(study, item)
        except PermError as failed:
            error = str(failed)
        if error is not None:
            log.warning("item %s of study %s has no replies", item.number, study.id)
            try:
                await self._studies.set_error(study.owner, item.id, error)
            except PermError:
                log.warning("study %s is gone", study.id)

    async def _write(self, study: Study, item: Item) -> str | None:
        """Both replies, then their scores. Why there are none, or None where all is well."""
        voices = [await self.contestants.voice(study.contestant(side)) for side in Side]
        replies: list[UUID] = []
        failures: list[str] = []
        written, ready = 0, False
        async for event in self._session.compare(
            study.owner, item.conversation_id, item.message, voices
        ):
            if isinstance(event, TurnSaved):
                replies.append(event.reply_id)
            elif isinstance(event, TurnFailed) and event.what == ANSWERING:
                return None  # another process was quicker
            elif isinstance(event, TurnFailed):
                failures.append(f"{event.what} {event.todo}".strip())
            elif isinstance(event, ReplyDone):
                written += 1
                if written == len(voices):  # raters need not wait for the scores
                    ready = await self._hand_out(study, item, replies)
        return None if ready else (failures or ["A reply broke off."])[0]

    async def _hand_out(self, study: Study, item: Item, reply_ids: Sequence[UUID]) -> bool:
        """Give both to the raters, if both are whole."""
        for reply_id in reply_ids:
            reply = await self._session.kept.reply(study.owner, reply_id)
            if reply.status not in JUDGED or not reply.response.strip():
                return False
        await self._studies.set_replies(study.owner, item.id, *reply_ids)
        return True
