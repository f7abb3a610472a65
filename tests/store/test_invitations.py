"""Other people rate a conversation by its link, and the link lets them do nothing else."""

from __future__ import annotations

import pytest

from chat.store import Conversation, FeedbackInput, NotFound, Reply, Store
from tests.store.samples import ANNA, BEN, COMPLETE, KEEP, NEW_REPLY, SCORED

CARA = "cara"


async def talked(store: Store, owner: str = ANNA) -> tuple[Conversation, Reply]:
    place = await store.create_conversation(owner, "a baker", "a burnt loaf", KEEP)
    turn = await store.add_turn(owner, place.id, "It burnt.", None)
    reply = await store.add_reply(owner, turn.id, NEW_REPLY)
    await store.update_reply(owner, reply.id, COMPLETE)
    await store.save_verdict(owner, reply.id, SCORED)
    return place, reply


async def test_a_rater_reads_texts_and_nothing_that_would_lead(store: Store) -> None:
    place, reply = await talked(store)
    link = await store.invitations.invite(ANNA, place.id)
    found = await store.invitations.read(link.token, BEN)
    (one,) = found.turns
    assert (found.persona, found.scenario) == ("a baker", "a burnt loaf")
    assert (one.reply_id, one.number) == (reply.id, 1)
    assert (one.message, one.response, one.analysis) == ("It burnt.", "b", None)
    told = found.model_dump_json()
    for secret in ("61.0", "a model", "a judge", "It is clear.", ANNA):
        assert secret not in told


async def test_the_analysis_is_shown_only_where_the_owner_said_so(store: Store) -> None:
    place, _ = await talked(store)
    link = await store.invitations.invite(ANNA, place.id, with_analysis=True)
    assert (await store.invitations.read(link.token, BEN)).turns[0].analysis == "a"
    again = await store.invitations.invite(ANNA, place.id)
    assert again.token == link.token
    assert (await store.invitations.read(link.token, BEN)).turns[0].analysis is None


async def test_each_raters_feedback_is_their_own(store: Store) -> None:
    place, reply = await talked(store)
    token = (await store.invitations.invite(ANNA, place.id)).token
    await store.save_feedback(ANNA, reply.id, FeedbackInput(reception=5))
    await store.invitations.rate(token, BEN, reply.id, FeedbackInput(reception=2))
    await store.invitations.rate(token, BEN, reply.id, FeedbackInput(reception=3, thumb=1))
    await store.invitations.rate(token, CARA, reply.id, FeedbackInput(reception=4))
    given = (await store.invitations.read(token, BEN)).turns[0].given
    assert given is not None
    assert (given.reception, given.thumb) == (3, 1)
    own = (await store.reply(ANNA, reply.id)).feedback
    assert own is not None
    assert own.reception == 5
    assert (await store.invitations.get(ANNA, place.id)).raters == 2
    await store.invitations.withdraw(token, BEN)
    assert (await store.invitations.read(token, BEN)).turns[0].given is None
    assert (await store.invitations.get(ANNA, place.id)).raters == 1


async def test_the_owner_withdraws_nothing_by_the_link(store: Store) -> None:
    place, reply = await talked(store)
    token = (await store.invitations.invite(ANNA, place.id)).token
    await store.save_feedback(ANNA, reply.id, FeedbackInput(thumb=1))
    await store.invitations.withdraw(token, ANNA)
    assert (await store.reply(ANNA, reply.id)).feedback is not None


async def test_a_link_gives_no_right_to_another_conversation(store: Store) -> None:
    place, _ = await talked(store)
    _, other = await talked(store)
    _, foreign = await talked(store, BEN)
    token = (await store.invitations.invite(ANNA, place.id)).token
    for reply in (other, foreign):
        with pytest.raises(NotFound):
            await store.invitations.rate(token, CARA, reply.id, FeedbackInput(thumb=1))
        assert (await store.reply(ANNA if reply is other else BEN, reply.id)).feedback is None


async def test_foreign_missing_and_closed_are_one_answer(store: Store) -> None:
    place, reply = await talked(store)
    with pytest.raises(NotFound):
        await store.invitations.get(ANNA, place.id)  # nobody was invited yet
    with pytest.raises(NotFound):
        await store.invitations.invite(BEN, place.id)
    token = (await store.invitations.invite(ANNA, place.id)).token
    with pytest.raises(NotFound):
        await store.invitations.get(BEN, place.id)
    with pytest.raises(NotFound):
        await store.invitations.close(BEN, place.id)
    for wrong in ("", "x" * 32, token[:-1], f"{token} ", "é" * 32, "x" * 10_000):
        with pytest.raises(NotFound):
            await store.invitations.read(wrong, BEN)
    await store.invitations.close(ANNA, place.id)
    with pytest.raises(NotFound):
        await store.invitations.rate(token, BEN, reply.id, FeedbackInput(thumb=1))
    assert (await store.invitations.read(token, BEN)).closed


async def test_what_is_not_finished_is_not_rated(store: Store) -> None:
    place, reply = await talked(store)
    turn = await store.add_turn(ANNA, place.id, "And again.", reply.id)
    await store.add_reply(ANNA, turn.id, NEW_REPLY)
    token = (await store.invitations.invite(ANNA, place.id)).token
    assert [one.number for one in (await store.invitations.read(token, BEN)).turns] == [1]


async def test_with_the_conversation_goes_its_link(store: Store) -> None:
    place, _ = await talked(store)
    token = (await store.invitations.invite(ANNA, place.id)).token
    await store.delete_conversation(ANNA, place.id)
    with pytest.raises(NotFound):
        await store.invitations.read(token, BEN)


async def test_the_evidence_counts_the_owners_replies_and_everybodys_ratings(store: Store) -> None:
    place, reply = await talked(store)
    await talked(store, BEN)
    token = (await store.invitations.invite(ANNA, place.id)).token
    await store.save_feedback(ANNA, reply.id, FeedbackInput(reception=5, thumb=1))
    await store.invitations.rate(token, BEN, reply.id, FeedbackInput(reception=2))
    found = await store.evidence(ANNA)
    assert [one.reply_id for one in found.replies] == [reply.id]
    assert {one.value: score for one, score in found.replies[0].scores.items()} == {
        "bystander": 61.0
    }
    given = {one.rater: (one.thumb, *one.scores.values()) for one in found.ratings}
    assert given == {ANNA: (1, 5), BEN: (None, 2)}
    assert [time.seconds for time in found.times] == [1.5]
    assert not found.more
    assert (await store.evidence(CARA)).replies == ()
