"""What supporter and judges are shown, and what leaves when it is full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

import pytest

from chat.history import exchanges, messages_for, tokens
from chat.settings import ROOT
from chat.store.records import Consents, Conversation, Reply, ReplyStatus, Turn
from perm import rubrics

pytestmark = pytest.mark.unit

SUPPORTER = rubrics.load(ROOT / "prompts").supporter
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = Conversation(
    id=uuid4(),
    owner="ada",
    title="",
    persona="a nurse",
    scenario="a double shift",
    consents=Consents(),
    created_at=NOW,
    updated_at=NOW,
)


def turn(number: int, raw: str = "# Analysis\nA\n\n# Response\nR", words: int = 0) -> Turn:
    reply = Reply(
        id=uuid4(),
        turn_id=uuid4(),
        number=1,
        status=ReplyStatus.COMPLETE,
        engine="",
        model="",
        prompt_hash="",
        raw=raw,
        response="R",
        created_at=NOW,
    )
    return Turn(
        id=reply.turn_id,
        conversation_id=PLACE.id,
        parent_reply_id=None,
        number=number,
        message=f"message {number}" + " word" * words,
        created_at=NOW,
        replies=(reply,),
    )


def test_the_first_message_is_framed_and_later_ones_are_plain() -> None:
    prepared = messages_for(SUPPORTER, PLACE, [turn(1)], "message 2", 4096)
    system, first, answer, second = prepared.messages
    assert system.content == SUPPORTER.system
    assert first.content == SUPPORTER.frame("a nurse", "a double shift", "message 1")
    assert answer.content == "# Analysis\nA\n\n# Response\nR"
    assert second.content == "message 2"
    assert prepared.turns_left_out == 0


def test_a_message_whose_reply_never_came_is_put_to_the_next() -> None:
    prepared = messages_for(SUPPORTER, PLACE, [turn(1), turn(2, raw="")], "message 3", 4096)
    assert [message.type for message in prepared.messages] == ["system", "human", "ai", "human"]
    assert prepared.messages[-1].content == "message 2\n\nmessage 3"


def test_the_oldest_leave_together_and_the_first_never() -> None:
    earlier = [turn(number, words=100) for number in range(1, 21)]
    seen = set()
    for budget in range(1500, 4000, 50):
        prepared = messages_for(SUPPORTER, PLACE, earlier, "now", budget)
        assert "message 1 " in str(prepared.messages[1].content)
        assert prepared.messages[-1].content == "now"
        size = sum(tokens(str(message.content)) for message in prepared.messages)
        assert size <= budget
        seen.add(prepared.turns_left_out)
    assert len(seen) > 2


def test_the_latest_turn_stays_as_long_as_it_fits() -> None:
    earlier = [turn(number, words=100) for number in range(1, 8)]
    room = tokens(SUPPORTER.system) + tokens("now") + 2 * tokens(str(earlier[0].message)) + 60
    prepared = messages_for(SUPPORTER, PLACE, earlier, "now", room)
    assert [str(message.content)[:9] for message in prepared.messages[-3::2]] == [
        "message 7",
        "now",
    ]


def starts_alike(before: Sequence[object], after: Sequence[object]) -> bool:
    return list(after[: len(before)]) == list(before)


def test_what_left_stays_away_until_half_the_room_is_full_again() -> None:
    """Each turn begins with what the one before it said, but for the turns where others leave."""
    earlier = [turn(number, words=20 + 60 * (number % 3)) for number in range(1, 61)]
    budget = 3000
    prompts = [
        messages_for(SUPPORTER, PLACE, earlier[:count], earlier[count].message, budget)
        for count in range(1, 60)
    ]
    left = [a.turns_left_out != b.turns_left_out for a, b in pairwise(prompts)]
    alike = [
        starts_alike([m.content for m in a.messages], [m.content for m in b.messages])
        for a, b in pairwise(prompts)
    ]
    assert alike == [not moved for moved in left]
    assert prompts[-1].turns_left_out > 0
    assert sum(left) <= 10, "half the room holds some eleven of these turns"


def test_the_judges_transcript_moves_as_seldom() -> None:
    earlier = [turn(number, words=60) for number in range(1, 61)]
    transcripts = [
        exchanges(PLACE, earlier[:count], earlier[count].message, 2500) for count in range(1, 60)
    ]
    moved = [not starts_alike(a, b) for a, b in pairwise(transcripts)]
    assert 0 < sum(moved) <= 8
    assert all(one[0] == transcripts[0][0] for one in transcripts)


def test_the_judges_transcript_has_no_analysis() -> None:
    (one,) = exchanges(PLACE, [turn(1)], "now", 4096)
    assert (one.message, one.response) == ("message 1", "R")


def test_a_whole_book_as_a_message_is_no_exception() -> None:
    prepared = messages_for(SUPPORTER, PLACE, [turn(1, words=9000)], "now", 1000)
    assert prepared.messages[-1].content == "now"
