"""What goes into the rows of each format, and what is left out of them, with its reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chat.export import ExportError, FileType, FolderTarget, Format, Order, Summary
from chat.export.columns import COLUMNS
from chat.history import messages_for
from chat.store import Consents, FeedbackInput, ReplyStatus, Store
from chat.store.study_records import PickedBy
from tests.support.talks import ALL, ANNA, BEN, PROMPT, exporter, reply_to, talk

pytestmark = pytest.mark.unit

CANARY = "zebrafinch-7391"


async def made(store: Store, folder: Path, order: Order, owner: str = ANNA) -> list[dict[str, Any]]:
    """The rows of an export, as they stand in its files."""
    await exporter(store).write(order, [owner], FolderTarget(folder), owner)
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.open()]
    return [json.loads(line) for line in lines]


def order(name: Format, **more: Any) -> Order:
    return Order(format=name, **{"test_share": 0, **more})


def why(summary: Summary) -> dict[str, int]:
    """How many were left out, by the beginning of the reason."""
    return {f"{unit.rstrip('s')}: {text}": number for number, unit, text in summary.left_out}


@pytest.mark.parametrize("name", Format)
async def test_every_row_has_the_columns_of_its_format(
    store: Store, tmp_path: Path, name: Format
) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(name))
    assert rows
    for row in rows:
        assert row.keys() == {column.name for column in COLUMNS[name]}


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


async def test_preferences_say_whose_word_they_are(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.PREFERENCE))
    by_source = {row["source"]: row for row in rows}
    assert sorted(row["source"] for row in rows) == ["correction", "pick"]
    pick, correction = by_source["pick"], by_source["correction"]
    assert pick["chosen"] == [_said("Twelve hours on your feet, talk.")]
    assert pick["rejected"] == [_said("Sleep more, talk.")]
    assert pick["reward_gap"] == pytest.approx(0.4 + 0.04)
    assert correction["chosen"] == [_said("That was a long night, talk.")]
    assert correction["rejected"] == [_said("Sleep more, talk.")]
    assert (correction["model"], correction["rejected_model"]) == ("a person", "a model")


def _said(response: str) -> dict[str, str]:
    return {
        "role": "assistant",
        "content": f"# Analysis\nThey feel unseen.\n\n# Response\n{response}",
    }


async def test_a_gap_between_rewards_makes_a_pair_from_the_margin_on(
    store: Store, tmp_path: Path
) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    for level in (3.0, 4.0, 2.0):
        await reply_to(store, ANNA, turn.id, f"at level {level}", level)
    [row] = await made(store, tmp_path / "out", order(Format.PREFERENCE, margin=0.43))
    assert "level 4.0" in row["chosen"][0]["content"]
    assert "level 2.0" in row["rejected"][0]["content"]
    assert (row["source"], row["reward_gap"]) == ("reward", pytest.approx(0.44))
    summary = await exporter(store).preview(order(Format.PREFERENCE, margin=0.45), [ANNA])
    assert why(summary) == {"pair: the gap between their rewards is below the margin": 1}


async def test_rewards_of_different_judges_make_no_pair(store: Store) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    await reply_to(store, ANNA, turn.id, "one", 2.0, judge="a judge")
    await reply_to(store, ANNA, turn.id, "two", 5.0, judge="another judge")
    summary = await exporter(store).preview(order(Format.PREFERENCE), [ANNA])
    assert summary.rows == 0
    assert why(summary) == {"pair: their rewards are unknown or of different judges": 1}


async def test_a_persons_word_counts_for_more_than_a_reward(store: Store, tmp_path: Path) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    await reply_to(store, ANNA, turn.id, "praised by the judge", 5.0)
    liked = await reply_to(store, ANNA, turn.id, "liked", 2.0)
    await store.pick_reply(ANNA, liked.id, PickedBy.PERSON)
    [row] = await made(store, tmp_path / "out", order(Format.PREFERENCE))
    assert row["source"] == "pick"
    assert row["chosen"][0]["content"].endswith("liked")
    assert row["reward_gap"] < 0


async def test_the_highest_rewards_own_pick_is_no_persons_word(
    store: Store, tmp_path: Path
) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    await reply_to(store, ANNA, turn.id, "low", 2.0)
    high = await reply_to(store, ANNA, turn.id, "high", 5.0)
    await store.pick_reply(ANNA, high.id, PickedBy.REWARD)
    [row] = await made(store, tmp_path / "out", order(Format.PREFERENCE))
    assert row["source"] == "reward"


async def test_a_reward_model_gets_whole_conversations(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.REWARD))
    for row in rows:
        assert [one["role"] for one in row["chosen"]] == ["system", "user", "assistant"]
        assert row["chosen"][:-1] == row["rejected"][:-1]
        assert row["chosen"][-1] != row["rejected"][-1]


async def test_thumbs_label_replies(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.UNPAIRED))
    labels = {row["completion"][0]["content"].rpartition("\n")[2]: row["label"] for row in rows}
    assert labels == {"Sleep more, talk.": False, "I am asking, talk.": True}


async def test_what_is_imitated_was_gone_on_with_or_corrected(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.SFT))
    said = {row["completion"][0]["content"].rpartition("\n")[2]: row["source"] for row in rows}
    assert said == {
        "That was a long night, talk.": "corrected",
        "Twelve hours on your feet, talk.": "chosen",
        "I am asking, talk.": "chosen",
    }
    summary = await exporter(store).preview(order(Format.SFT, min_reward=0.7), [ANNA])
    assert summary.sources == {"chosen": 1, "corrected": 1}


async def test_without_the_analysis_none_is_anywhere(store: Store, tmp_path: Path) -> None:
    await talk(store)
    for name in (Format.PREFERENCE, Format.REWARD, Format.UNPAIRED, Format.SFT):
        rows = await made(store, tmp_path / name, order(name, analysis=False))
        assert rows
        assert "Analysis" not in json.dumps(rows)
        assert "unseen" not in json.dumps(rows)


async def test_a_reply_without_an_analysis_is_left_out_where_one_is_asked_for(
    store: Store,
) -> None:
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "hello", None)
    await reply_to(store, ANNA, turn.id, "just this", analysis="")
    summary = await exporter(store).preview(order(Format.SFT), [ANNA])
    assert (summary.rows, why(summary)["reply: they have no Analysis"]) == (0, 1)
    bare = await exporter(store).preview(order(Format.SFT, analysis=False), [ANNA])
    assert bare.rows == 1


async def test_scores_are_a_table(store: Store, tmp_path: Path) -> None:
    await talk(store)
    rows = await made(store, tmp_path / "out", order(Format.SCORES))
    assert len(rows) == 3
    last = rows[-1]
    assert [last[name] for name in ("resonation", "reception", "bystander")] == [3.5, 3.5, 70.0]
    assert (last["thumb"], last["human_reception"], last["human_expression"]) == (1.0, 4.0, None)
    assert (last["judge_model"], last["method"], last["raters"]) == ("a judge", "direct", 1)


async def test_the_table_as_csv_runs_no_formula(store: Store, tmp_path: Path) -> None:
    place = await store.create_conversation(ANNA, "=HYPERLINK(1)", "@x", ALL)
    turn = await store.add_turn(ANNA, place.id, "+1", None)
    await reply_to(store, ANNA, turn.id, "-2\n=3", 3.0)
    wanted = order(Format.SCORES, file_type=FileType.CSV)
    await exporter(store).write(wanted, [ANNA], FolderTarget(tmp_path / "out"), ANNA)
    import csv

    [row] = csv.DictReader((tmp_path / "out" / "train.csv").open(newline="", encoding="utf-8"))
    told = [row[name] for name in ("persona", "scenario", "message", "response")]
    assert told == ["'=HYPERLINK(1)", "'@x", "'+1", "'-2\n=3"]
    assert float(row["expression"]) == 3.0
    with pytest.raises(ValueError, match="CSV"):
        order(Format.SFT, file_type=FileType.CSV)


async def _with_canary(store: Store) -> None:
    """Conversations of every kind that must not be exported, the canary in each of their texts."""
    for consents in (Consents(keep=True), Consents(keep=True, research=True), Consents(train=True)):
        await talk(store, consents=consents, word=CANARY)
    await talk(store, BEN, word=CANARY)
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    first = await store.add_turn(ANNA, place.id, f"I want to die, {CANARY}", None, "suicide")
    answer = await reply_to(store, ANNA, first.id, f"I am here, {CANARY}", 4.0)
    second = await store.add_turn(ANNA, place.id, f"and still, {CANARY}", answer.id)
    await reply_to(store, ANNA, second.id, f"yes, {CANARY}", 4.0)
    place = await store.create_conversation(ANNA, "p", "s", ALL)
    turn = await store.add_turn(ANNA, place.id, "I was stopped", None)
    for status in ReplyStatus:
        if status is not ReplyStatus.COMPLETE:
            await reply_to(store, ANNA, turn.id, f"{status} {CANARY}", 4.0, status=status)
    await reply_to(store, ANNA, turn.id, f"a crisis {CANARY}", 4.0, crisis="suicide")


@pytest.mark.parametrize("name", Format)
@pytest.mark.parametrize("file_type", [FileType.JSONL, FileType.PARQUET])
async def test_what_nobody_agreed_to_is_in_no_file(
    store: Store, tmp_path: Path, name: Format, file_type: FileType
) -> None:
    await _with_canary(store)
    await talk(store, word="fine")
    wanted = order(name, file_type=file_type, test_share=0.5, margin=0.01)
    done = await exporter(store).write(wanted, [ANNA], FolderTarget(tmp_path / "out"), ANNA)
    assert done.summary.rows
    if file_type is FileType.PARQUET:
        import pyarrow.parquet as pq

        for path in (tmp_path / "out").glob("*.parquet"):
            assert CANARY not in str(pq.read_table(path).to_pylist())
    for path in (tmp_path / "out").iterdir():
        assert CANARY.encode() not in path.read_bytes()
    left = why(done.summary)
    assert left["conversation: there is no consent to this use"] == 2
    assert left["conversation: they are not kept"] == 1
    assert left["turn: the message, or every reply, spoke of a crisis"] == 1
    assert left["turn: they follow a turn that spoke of a crisis"] == 1
    assert left["reply: they were stopped, cut short, or broke off"] == 5
    assert left["reply: they spoke of a crisis"] == 1


async def test_research_and_training_are_two_consents(store: Store) -> None:
    await talk(store, consents=Consents(keep=True, research=True))
    await talk(store, consents=Consents(keep=True, train=True))
    await talk(store, consents=Consents(keep=True, train=True))
    for purpose, rows in (("research", 3), ("train", 6)):
        found = await exporter(store).preview(order(Format.SCORES, purpose=purpose), [ANNA])
        assert found.rows == rows


async def test_days_and_models_are_filters(store: Store) -> None:
    await talk(store)
    today = datetime.now(UTC).date()
    for more, rows in (
        ({"since": today + timedelta(days=2)}, 0),
        ({"until": today - timedelta(days=2)}, 0),
        ({"since": today - timedelta(days=2), "until": today + timedelta(days=2)}, 2),
        ({"model": "another"}, 0),
        ({"model": "a model"}, 2),
    ):
        found = await exporter(store).preview(order(Format.GRPO, **more), [ANNA])
        assert found.rows == rows


async def test_what_raters_are_divided_on_is_left_out(store: Store) -> None:
    place_id = await talk(store)
    whole = await store.whole(ANNA, place_id)
    from chat.export.left_out import Tally, Why
    from chat.export.rows import rows
    from chat.export.wording import Prompts

    against = whole.opinions[-1].model_copy(update={"thumb": -1, "rater": "somebody else"})
    divided = whole.model_copy(update={"opinions": (*whole.opinions, against)})
    tally: Tally = Tally()
    found = list(rows(divided, order(Format.UNPAIRED), Prompts(PROMPT), tally))
    assert len(found) == 1
    assert tally[Why.DISAGREED] == 1


async def test_nothing_to_export_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nothing to export"):
        await made(store, tmp_path / "out", order(Format.SFT))
    assert not (tmp_path / "out").exists()
    assert await store.exports(ANNA) == []


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


def test_ids_are_ids() -> None:
    from chat.export.split import pair_id

    one, two = UUID(int=1), UUID(int=2)
    assert UUID(pair_id("vote", one, two)) == UUID(pair_id("vote", one, two))
    assert len({pair_id(s, a, b) for s in "xy" for a, b in ((one, two), (two, one))}) == 4


async def test_other_words_for_a_reply_may_come_from_its_feedback_alone(
    store: Store, tmp_path: Path
) -> None:
    place_id = await talk(store)
    path = await store.path(ANNA, place_id)
    same = FeedbackInput(better=path[1].replies[0].response)
    await store.save_feedback(ANNA, path[1].replies[0].id, same)
    summary = await exporter(store).preview(order(Format.PREFERENCE), [ANNA])
    assert why(summary)["pair: both say the same"] == 1
