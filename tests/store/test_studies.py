"""Studies: blind comparisons that many people rate, by a token that gives texts and no more."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from chat.store import NotFound, ReplyUpdate, Store
from chat.store.records import ReplyStatus
from chat.store.study_records import (
    Choice,
    Contestant,
    Margin,
    NewStudy,
    NewVote,
    PickedBy,
    Side,
    Study,
    StudyKind,
    StudyPrompt,
)
from tests.store.samples import ANNA, BEN, NEW_REPLY, REWARD, answer, begin, say

CLEO, DAN = "cleo", "dan"
SECRETS = ("a model", "b model", "hash of a", "hash of b", "# Analysis", "what a understood")
A = Contestant(name="first", model="a model", prompt_hash="hash of a")
B = Contestant(name="second", model="b model", prompt_hash="hash of b")
LEFT = NewVote(choice=Choice.LEFT, margin=Margin.CLEAR, why="It listens.")


async def made(store: Store, items: int = 3, owner: str = ANNA, ready: bool = True) -> Study:
    """A study whose items have both replies."""
    new = NewStudy(name="a study", a=A, b=B)
    prompts = [StudyPrompt(persona="a nurse", message=f"message {n + 1}") for n in range(items)]
    study = await store.studies.create(owner, new, prompts)
    if ready:
        for item in await store.studies.items(owner, study.id):
            await answered(store, owner, item.conversation_id, item.id, item.message)
    return study


async def answered(store: Store, owner: str, place: UUID, item: UUID, message: str) -> list[UUID]:
    turn = await store.add_turn(owner, place, message, None)
    found = []
    for side in Side:
        contestant = A if side is Side.A else B
        new = NEW_REPLY.model_copy(
            update={"model": contestant.model, "prompt_hash": contestant.prompt_hash}
        )
        reply = await store.add_reply(owner, turn.id, new, chosen=side is Side.A)
        text = f"{side.value} answers {message}" + " at length" * (side is Side.B)
        update = ReplyUpdate(
            status=ReplyStatus.COMPLETE,
            raw=f"# Analysis\nwhat {side.value} understood\n\n# Response\n{text}",
            analysis=f"what {side.value} understood",
            response=text,
        )
        await store.update_reply(owner, reply.id, update)
        found.append(reply.id)
    await store.studies.set_replies(owner, item, *found)
    return found


async def rate(store: Store, token: str, rater: str, given: NewVote = LEFT) -> list[str]:
    """Everything that is left, in the rater's order; gives the messages as they came."""
    seen = []
    while (sheet := await store.studies.next_sheet(token, rater)) is not None:
        seen.append(sheet.message)
        await store.studies.save_vote(token, rater, sheet.comparison_id, given)
    return seen


async def test_every_rater_gets_all_of_it_once_and_keeps_their_progress(store: Store) -> None:
    study = await made(store, items=4)
    for rater in (BEN, CLEO):
        await store.studies.join(study.token, rater)
    first = await store.studies.next_sheet(study.token, BEN)
    again = await store.studies.next_sheet(study.token, BEN)
    assert first == again, "a reload shows the same, with the same sides"
    assert first is not None
    await store.studies.save_vote(study.token, BEN, first.comparison_id, LEFT)
    progress = await store.studies.progress(study.token, BEN)
    assert (progress.joined, progress.done, progress.total, progress.ready) == (True, 1, 4, 3)
    assert (await store.studies.progress(study.token, CLEO)).done == 0
    seen = [first.message, *await rate(store, study.token, BEN)]
    assert sorted(seen) == [f"message {n}" for n in (1, 2, 3, 4)]
    assert sorted(await rate(store, study.token, CLEO)) == sorted(seen)
    summary = await store.studies.summary(ANNA, study.id)
    assert (summary.items, summary.ready, summary.raters, summary.votes) == (4, 4, 2, 8)
    assert {ballot.rater for ballot in await store.studies.ballots(ANNA, study.id)} == {1, 2}


async def test_orders_and_sides_differ_between_raters(store: Store) -> None:
    study = await made(store, items=12)
    orders, sides = set(), set()
    for rater in (BEN, CLEO, DAN):
        await store.studies.join(study.token, rater)
        orders.add(tuple(await rate(store, study.token, rater)))
    for ballot in await store.studies.ballots(ANNA, study.id):
        sides.add(ballot.left)
    assert len(orders) == 3, "one in 12! that two are the same"
    assert sides == set(Side), "one in 2^36 that all are the same"


async def test_a_sheet_holds_the_texts_and_nothing_that_tells_who_wrote_them(store: Store) -> None:
    study = await made(store)
    await store.studies.join(study.token, BEN)
    sheet = await store.studies.next_sheet(study.token, BEN)
    assert sheet is not None
    said = sheet.model_dump_json()
    assert not [secret for secret in SECRETS if secret in said]
    assert {sheet.left, sheet.right} == {
        f"a answers {sheet.message}",
        f"b answers {sheet.message} at length",
    }


async def test_a_ballot_says_which_contestant_the_side_was(store: Store) -> None:
    study = await made(store, items=8)
    for item in await store.studies.items(ANNA, study.id):
        assert item.a_reply_id is not None
        await store.save_reward(ANNA, item.a_reply_id, REWARD)
    await store.studies.join(study.token, BEN)
    expected = {}
    while (sheet := await store.studies.next_sheet(study.token, BEN)) is not None:
        await store.studies.save_vote(study.token, BEN, sheet.comparison_id, LEFT)
        expected[sheet.comparison_id] = Side(sheet.left[0])
    ballots = await store.studies.ballots(ANNA, study.id)
    assert {one.comparison_id: one.winner for one in ballots} == expected
    for one in ballots:
        assert one.b_length == one.a_length + len(" at length")
        assert (one.a_reward, one.b_reward) == (REWARD.total, None)
        assert (one.margin, one.why) == (Margin.CLEAR, "It listens.")


async def test_the_first_vote_counts(store: Store) -> None:
    study = await made(store, items=1)
    await store.studies.join(study.token, BEN)
    sheet = await store.studies.next_sheet(study.token, BEN)
    assert sheet is not None
    other = NewVote(choice=Choice.TIE)
    for given in (LEFT, other):
        await store.studies.save_vote(study.token, BEN, sheet.comparison_id, given)
    [ballot] = await store.studies.ballots(ANNA, study.id)
    assert ballot.choice is Choice.LEFT


async def test_who_is_who_comes_after_the_vote_and_to_its_rater_alone(store: Store) -> None:
    study = await made(store)
    for rater in (BEN, CLEO):
        await store.studies.join(study.token, rater)
    sheet = await store.studies.next_sheet(study.token, BEN)
    assert sheet is not None
    with pytest.raises(NotFound):
        await store.studies.own_ballot(study.token, BEN, sheet.comparison_id)
    await store.studies.save_vote(study.token, BEN, sheet.comparison_id, LEFT)
    assert await store.studies.own_ballot(study.token, BEN, sheet.comparison_id)
    for call in (
        store.studies.own_ballot(study.token, CLEO, sheet.comparison_id),
        store.studies.sheet(study.token, CLEO, sheet.comparison_id),
        store.studies.save_vote(study.token, CLEO, sheet.comparison_id, LEFT),
    ):
        with pytest.raises(NotFound):
            await call


async def test_the_token_opens_its_study_and_nothing_else(store: Store) -> None:
    """A rater owns nothing here: neither the study nor its conversations can be reached."""
    study, other = await made(store), await made(store)
    assert len({study.token, other.token}) == 2
    assert len(study.token) >= 22
    await store.studies.join(study.token, BEN)
    sheet = await store.studies.next_sheet(study.token, BEN)
    assert sheet is not None
    [item, *_] = await store.studies.items(ANNA, study.id)
    assert item.a_reply_id is not None
    for call in (
        store.studies.get(BEN, study.id),
        store.studies.summary(BEN, study.id),
        store.studies.items(BEN, study.id),
        store.studies.ballots(BEN, study.id),
        store.studies.close(BEN, study.id),
        store.studies.delete(BEN, study.id),
        store.studies.add_item(BEN, study.id, StudyPrompt(message="x")),
        store.studies.set_error(BEN, item.id, "x"),
        store.studies.set_replies(BEN, item.id, uuid4(), uuid4()),
        store.studies.by_token("x" * 22),
        store.studies.join("", BEN),
        store.studies.next_sheet(other.token, BEN),
        store.studies.sheet(other.token, BEN, sheet.comparison_id),
        store.studies.save_vote(other.token, BEN, sheet.comparison_id, LEFT),
        store.conversation(BEN, item.conversation_id),
        store.reply(BEN, item.a_reply_id),
    ):
        with pytest.raises(NotFound):
            await call
    assert await store.studies.listed(BEN) == []
    assert await store.studies.ballots(BEN) == []


async def test_items_that_wait_are_not_shown_and_come_when_they_are_there(store: Store) -> None:
    study = await made(store, items=2, ready=False)
    await store.studies.join(study.token, BEN)
    assert await store.studies.next_sheet(study.token, BEN) is None
    assert (await store.studies.progress(study.token, BEN)).ready == 0
    waiting = await store.studies.waiting()
    assert [item.number for _, item in waiting] == [1, 2]
    await store.studies.set_error(ANNA, waiting[1][1].id, "The model did not answer.")
    assert len(await store.studies.waiting()) == 1
    item = waiting[0][1]
    await answered(store, ANNA, item.conversation_id, item.id, item.message)
    sheet = await store.studies.next_sheet(study.token, BEN)
    assert sheet is not None
    assert sheet.message == "message 1"
    summary = await store.studies.summary(ANNA, study.id)
    assert (summary.ready, summary.failed) == (1, 1)


async def test_an_item_with_replies_has_not_failed_whoever_says_so_late(store: Store) -> None:
    """Two processes may try the same item; the slower one is refused and would note that."""
    study = await made(store, items=1)
    [item] = await store.studies.items(ANNA, study.id)
    await store.studies.set_error(ANNA, item.id, "The supporter is still answering.")
    [now] = await store.studies.items(ANNA, study.id)
    assert now.ready
    assert now.error is None


async def test_an_item_added_later_is_dealt_to_who_had_joined(store: Store) -> None:
    study = await made(store, items=1)
    await store.studies.join(study.token, BEN)
    await rate(store, study.token, BEN)
    item = await store.studies.add_item(ANNA, study.id, StudyPrompt(message="another"))
    await answered(store, ANNA, item.conversation_id, item.id, item.message)
    assert await rate(store, study.token, BEN) == ["another"]


async def test_raters_who_join_at_once_get_numbers_of_their_own(store: Store) -> None:
    study = await made(store, items=2)
    names = [f"rater {n}" for n in range(8)]
    await asyncio.gather(*(store.studies.join(study.token, name) for name in names * 2))
    assert (await store.studies.summary(ANNA, study.id)).raters == 8


async def test_a_studys_conversations_stand_in_no_list_of_talks(store: Store) -> None:
    await made(store)
    talk = await begin(store, title="a talk")
    assert [one.title for one in await store.conversations(ANNA)] == ["a talk"]
    latest = await store.latest_conversation(ANNA)
    assert latest is not None
    assert latest.id == talk.id


async def test_a_study_that_is_deleted_takes_everything_along(store: Store) -> None:
    gone, kept = await made(store), await made(store, owner=BEN)
    for study in (gone, kept):
        await store.studies.join(study.token, CLEO)
        await rate(store, study.token, CLEO)
    before = (await store.check()).rows
    await store.studies.delete(ANNA, gone.id)
    rows = (await store.check(thorough=True)).rows
    for table in ("study", "study_item", "study_rater", "comparison", "vote", "turn", "reply"):
        assert rows[table] * 2 == before[table] > 0, table
    assert len(await store.studies.ballots(BEN, kept.id)) == 3


async def test_a_conversation_that_is_deleted_takes_its_votes_along(store: Store) -> None:
    study = await made(store)
    await store.studies.join(study.token, CLEO)
    await rate(store, study.token, CLEO)
    [item, *_] = await store.studies.items(ANNA, study.id)
    await store.delete_conversation(ANNA, item.conversation_id)
    rows = (await store.check(thorough=True)).rows
    assert (rows["study_item"], rows["comparison"], rows["vote"]) == (2, 2, 2)


async def test_a_rater_takes_back_what_they_gave_and_nobody_elses(store: Store) -> None:
    study = await made(store)
    for rater in (CLEO, DAN):
        await store.studies.join(study.token, rater)
        await rate(store, study.token, rater)
    await store.studies.withdraw(study.token, CLEO)
    rows = (await store.check(thorough=True)).rows
    assert (rows["study_rater"], rows["comparison"], rows["vote"]) == (1, 3, 3)
    assert not (await store.studies.progress(study.token, CLEO)).joined


async def test_a_study_is_closed_and_opened_again(store: Store) -> None:
    study = await made(store, items=1)
    await store.studies.close(ANNA, study.id)
    assert (await store.studies.by_token(study.token)).closed
    await store.studies.close(ANNA, study.id, closed=False)
    assert not (await store.studies.by_token(study.token)).closed
    assert (await store.studies.get(ANNA, study.id)).kind is StudyKind.STUDY


@pytest.mark.unit
def test_a_margin_belongs_to_a_side_that_won() -> None:
    for choice, margin in ((Choice.LEFT, None), (Choice.TIE, Margin.CLEAR)):
        with pytest.raises(ValueError, match="margin"):
            NewVote(choice=choice, margin=margin)


async def test_a_pick_is_kept_with_how_it_came_about(store: Store) -> None:
    place = await begin(store)
    turn, first = await say(store, place.id)
    second = await answer(store, turn.id)
    assert {first.picked_by, second.picked_by} == {None}
    await store.pick_reply(ANNA, first.id, PickedBy.REWARD)
    await store.pick_reply(ANNA, second.id, PickedBy.PERSON)
    await store.choose_reply(ANNA, first.id)  # to look at it is not to pick it
    replies = (await store.turn(ANNA, turn.id)).replies
    assert [one.picked_by for one in replies] == [None, PickedBy.PERSON]
    assert [one.chosen for one in replies] == [True, False]
    with pytest.raises(NotFound):
        await store.pick_reply(BEN, first.id, PickedBy.PERSON)


async def test_candidates_begin_beside_each_other_with_the_first_one_chosen(store: Store) -> None:
    place = await begin(store)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    for number in range(3):
        await store.add_reply(ANNA, turn.id, NEW_REPLY, chosen=number == 0)
    replies = (await store.turn(ANNA, turn.id)).replies
    assert [one.chosen for one in replies] == [True, False, False]
    assert [one.number for one in replies] == [1, 2, 3]
