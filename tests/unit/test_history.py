"""What supporter and judges are shown, and what leaves when it is full."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

import pytest

from chat.history import BLOCK, exchanges, messages_for, tokens
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


def test_the_oldest_leave_in_blocks_and_the_first_never() -> None:
    earlier = [turn(number, words=100) for number in range(1, 21)]
    seen = set()
    for budget in range(1500, 4000, 50):
        prepared = messages_for(SUPPORTER, PLACE, earlier, "now", budget)
        assert "message 1 " in str(prepared.messages[1].content)
        assert prepared.messages[-1].content == "now"
        assert prepared.turns_left_out % BLOCK == 0 or prepared.turns_left_out == 19
        size = sum(tokens(str(message.content)) for message in prepared.messages)
        assert size <= budget or prepared.turns_left_out == 19
        seen.add(prepared.turns_left_out)
    assert len(seen) > 2


def test_what_left_stays_away_for_several_turns_so_that_the_prefix_stays_cached() -> None:
    earlier = [turn(number, words=100) for number in range(1, 31)]
    left_out = [
        messages_for(SUPPORTER, PLACE, earlier[:count], "now", 3000).turns_left_out
        for count in range(10, 31)
    ]
    changes = sum(a != b for a, b in pairwise(left_out))
    assert left_out[-1] > left_out[0]
    assert changes <= len(left_out) / BLOCK + 1


def test_the_judges_transcript_has_no_analysis() -> None:
    (one,) = exchanges(PLACE, [turn(1)], 4096)
    assert (one.message, one.response) == ("message 1", "R")


def test_a_whole_book_as_a_message_is_no_exception() -> None:
    prepared = messages_for(SUPPORTER, PLACE, [turn(1, words=9000)], "now", 1000)
    assert prepared.messages[-1].content == "now"
