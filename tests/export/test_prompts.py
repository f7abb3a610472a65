"""The prompts in an export's rows: what the supporter was given, or would be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chat.export import Format
from chat.history import messages_for
from chat.store import ReplyStatus, Store
from tests.support.orders import made, order
from tests.support.talks import ALL, ANNA, PROMPT, reply_to, talk

pytestmark = pytest.mark.unit


async def test_a_grpo_prompt_is_what_the_supporter_would_be_given(
    store: Store, tmp_path: Path
) -> None:
    place_id = await talk(store)
    first, second = await made(store, tmp_path / "out", order(Format.GRPO))
    place = await store.conversation(ANNA, place_id)
    path = await store.path(ANNA, place_id)
    sent = messages_for(PROMPT, place, path[:1], path[1].message, 10_000).messages
    roles = {"system": "system", "human": "user", "ai": "assistant"}
    assert second["prompt"] == [{"role": roles[m.type], "content": m.content} for m in sent]
    assert "# Analysis" in second["prompt"][2]["content"]
    assert [one["role"] for one in first["prompt"]] == ["system", "user"]
    assert second["history"] == [
        {"message": "I am so tired, talk.", "response": "Twelve hours on your feet, talk."}
    ]
    assert (second["persona"], second["message"]) == ("a nurse, talk", "Nobody asks, talk.")
    assert [first["id"], second["id"]] == [str(turn.id) for turn in path]


async def test_turns_that_did_not_fit_then_are_not_in_the_prompt_now(
    store: Store, tmp_path: Path
) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    after = None
    for number in range(8):
        turn = await store.add_turn(ANNA, place.id, f"message {number}", after)
        after = (await reply_to(store, ANNA, turn.id, f"answer {number}")).id
    path = await store.path(ANNA, place.id)
    budget = 480
    sent = messages_for(PROMPT, place, path[:-1], path[-1].message, budget)
    assert sent.turns_left_out == 4, "one block has left"
    prepared = await store.add_turn(ANNA, place.id, "the last", path[-2].replies[0].id)
    reply = await store.add_reply(
        ANNA, prepared.id, _as_new(prompt_hash=PROMPT.hash, turns_left_out=sent.turns_left_out)
    )
    await store.update_reply(ANNA, reply.id, _complete("the last answer"))
    rows = await made(store, tmp_path / "out", order(Format.SFT))
    [row] = [row for row in rows if row["id"] == str(reply.id)]
    told = [one["content"] for one in row["prompt"] if one["role"] == "user"]
    assert "message 0" in told[0]
    assert told[1:] == ["message 5", "message 6", "the last"]


def _as_new(**more: Any) -> Any:
    from chat.store import NewReply

    return NewReply(engine="scripted", model="a model", **more)


def _complete(response: str) -> Any:
    from chat.store import ReplyUpdate

    return ReplyUpdate(
        status=ReplyStatus.COMPLETE, raw=response, analysis="They are tired.", response=response
    )


async def test_prompts_of_another_version_are_used_where_they_were(
    store: Store, tmp_path: Path
) -> None:
    other = PROMPT.text.replace("You are an AI companion", "You are another companion")
    await store.save_prompt("other", "supporter", other)
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    reply = await store.add_reply(ANNA, turn.id, _as_new(prompt_hash="other"))
    await store.update_reply(ANNA, reply.id, _complete("hi"))
    [row] = await made(store, tmp_path / "sft", order(Format.SFT))
    assert row["prompt"][0]["content"].startswith("You are another companion")
    [row] = await made(store, tmp_path / "grpo", order(Format.GRPO))
    assert row["prompt"][0]["content"] == PROMPT.system
