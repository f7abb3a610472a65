"""What is in no export, each with its reason: no consent, a crisis, a filter, raters who differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chat.export import ExportError, FileType, FolderTarget, Format
from chat.store import Consents, ReplyStatus, Store
from tests.support.orders import made, order, why
from tests.support.talks import ALL, ANNA, BEN, PROMPT, exporter, reply_to, talk

pytestmark = pytest.mark.unit

CANARY = "zebrafinch-7391"


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
