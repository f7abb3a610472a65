"""The record of exports: what each held, and that a deletion names those that had it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chat.store import Consents, NewExport, NotFound, Store
from chat.store.study_records import Choice, Margin, NewVote, PickedBy
from tests.store.samples import ANNA, BEN, FEEDBACK, answer, begin, say, talk
from tests.store.test_studies import CLEO, made


def new(*conversations: object, **more: object) -> NewExport:
    items = dict.fromkeys(conversations, 2)
    values = {"format": "sft", "purpose": "train", "checksum": "c0ffee", "items": items, **more}
    return NewExport.model_validate(values)


async def test_an_export_is_remembered_by_its_owner(store: Store) -> None:
    one, two = (await begin(store)).id, (await begin(store)).id
    record = await store.save_export(ANNA, new(one, two, options={"margin": 0.1}))
    assert (record.owner, record.row_count, record.conversations) == (ANNA, 4, 2)
    assert record.options == {"margin": 0.1}
    everybodys = await store.save_export(None, new(one))
    assert await store.exports(ANNA) == [record]
    assert await store.exports(BEN) == []
    assert await store.exports(None) == [everybodys, record]


async def test_a_deletion_names_the_exports_that_had_it(store: Store) -> None:
    gone, kept = (await begin(store)).id, (await begin(store)).id
    await store.set_consents(ANNA, kept, Consents(keep=True, train=True))
    had = await store.save_export(ANNA, new(gone, kept))
    by_administrator = await store.save_export(None, new(gone))
    await store.save_export(ANNA, new(kept))
    with pytest.raises(NotFound):
        await store.delete_conversation(BEN, gone)
    deletion = await store.delete_conversation(ANNA, gone)
    assert {one.id for one in deletion.exports} == {had.id, by_administrator.id}
    found = {one.id: one for one in await store.exports(ANNA)}
    assert (found[had.id].conversations, found[had.id].deleted) == (2, 1)
    assert (await store.delete_conversation(ANNA, kept)).exports != ()


async def test_a_consent_that_was_taken_back_is_seen_in_the_list(store: Store) -> None:
    place = (await begin(store)).id
    await store.save_export(ANNA, new(place, purpose="research"))
    await store.set_consents(ANNA, place, Consents(keep=True, research=True))
    assert (await store.exports(ANNA))[0].withdrawn == 0
    await store.set_consents(ANNA, place, Consents(keep=True, train=True))
    assert (await store.exports(ANNA))[0].withdrawn == 1


async def test_a_whole_conversation_has_what_every_path_has(store: Store) -> None:
    place = (await begin(store)).id
    first, reply = await say(store, place)
    await say(store, place, "one way", reply.id)
    await say(store, place, "another way", reply.id)
    await store.save_feedback(ANNA, reply.id, FEEDBACK)
    whole = await store.whole(ANNA, place)
    assert [turn.message for turn in whole.turns] == ["hello", "one way", "another way"]
    assert whole.turns[0].id == first.id
    assert [one.better for one in whole.opinions] == [FEEDBACK.better]
    for missing in ((BEN, place), (ANNA, uuid4())):
        with pytest.raises(NotFound):
            await store.whole(*missing)


async def test_conversations_and_owners_are_listed(store: Store) -> None:
    assert await store.owners() == []
    ids = [(await begin(store)).id for _ in range(3)]
    other = await begin(store, BEN)
    assert await store.conversation_ids(ANNA) == ids
    assert await store.conversation_ids(BEN) == [other.id]
    assert await store.owners() == [ANNA, BEN]


async def test_a_pick_is_against_what_was_there_to_be_picked(store: Store) -> None:
    place = (await begin(store)).id
    [turn] = await talk(store, place, 1)
    second, third = await answer(store, turn.id), await answer(store, turn.id)
    await store.pick_reply(ANNA, second.id, PickedBy.PERSON)
    await answer(store, turn.id)
    found = (await store.whole(ANNA, place)).compared
    assert {one.other for one in found} == {turn.replies[0].id, third.id}
    assert {(one.one, one.winner, one.how) for one in found} == {(second.id, second.id, "pick")}
    await store.pick_reply(ANNA, third.id, PickedBy.REWARD)
    assert (await store.whole(ANNA, place)).compared == ()


async def test_votes_of_raters_are_read_with_who_won(store: Store) -> None:
    study = await made(store, items=1)
    [item] = await store.studies.items(ANNA, study.id)
    await store.studies.join(study.token, BEN)
    sheet = await store.studies.next_sheet(study.token, BEN)
    assert sheet is not None
    vote = NewVote(choice=Choice.RIGHT, margin=Margin.CLEAR)
    await store.studies.save_vote(study.token, BEN, sheet.comparison_id, vote)
    whole = await store.whole(ANNA, item.conversation_id)
    [found] = whole.compared
    won = item.a_reply_id if "a answers" in sheet.right else item.b_reply_id
    assert won is not None
    assert (found.winner, found.how, found.margin) == (won, "vote", "clear")
    await store.studies.join(study.token, CLEO)
    sheet = await store.studies.next_sheet(study.token, CLEO)
    assert sheet is not None
    await store.studies.save_vote(
        study.token, CLEO, sheet.comparison_id, NewVote(choice=Choice.TIE)
    )
    assert [one.winner for one in (await store.whole(ANNA, item.conversation_id)).compared] == [
        won,
        None,
    ]
