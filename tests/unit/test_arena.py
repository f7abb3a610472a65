"""The arena as its raters meet it: every byte that reaches them, and what they may not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.arena.arena import Arena
from chat.arena.masking import MASK
from chat.store import NotFound
from chat.store.study_records import Choice
from tests.support.arena import (
    ANALYSIS,
    MODEL,
    OWNER,
    World,
    build,
    comparison_in,
    join,
    says,
    vote,
    world,
)

__all__ = ["world"]

pytestmark = pytest.mark.unit


async def test_a_study_is_rated_from_the_link_alone_and_read_by_its_owner(world: World) -> None:
    study = await world.study(items=3)
    await world.answered(study)
    for name in ("ben", "cleo"):
        async with world.rater(name) as client:
            opened = await client.get(f"/rate/{study.token}")
            assert "Keep my votes" in opened.text
            # under no-referrer a browser would send the form with Origin: null, to be refused
            assert opened.headers["referrer-policy"] == "same-origin"
            assert "by an AI, not by a person" in opened.text
            page = await join(client, study)
            for _ in range(3):
                page = await vote(client, study, page.text, "left-clear")
            assert "Thank you" in page.text
    found = await world.arena.results(OWNER, study.id)
    assert found.votes == 6
    assert found.raters == {1: 3, 2: 3}
    assert found.left.value == 1
    assert found.reward.n == 0, "the scripted judge gives both the same"
    assert found.longer.n == 6
    assert found.a_wins + found.b_wins == 6


async def test_no_byte_that_a_rater_gets_tells_who_wrote_what(world: World) -> None:
    study = await world.study(items=3)
    await world.answered(study)
    got = b""
    async with world.rater("ben") as client:
        answers = [await client.get(f"/rate/{study.token}"), await join(client, study)]
        for answer in ("left-slight", "tie", "both_bad"):
            answers.append(await client.get(f"/rate/{study.token}"))
            answers.append(await vote(client, study, answers[-1].text, answer))
        for one in answers:
            for step in (*one.history, one):
                got += step.content + repr(step.headers.raw).encode()
    said = got.decode().lower()
    [first, *_] = await world.services.store.studies.items(OWNER, study.id)
    secrets = (
        MODEL, "acme", "alibaba", ANALYSIS.lower(), "# analysis", "short against", "warm against",
        study.a.prompt_hash, study.b.prompt_hash, "reward", "score", "resonation", OWNER,
        str(study.id), str(first.conversation_id), str(first.a_reply_id), str(first.b_reply_id),
    )  # fmt: skip
    assert [secret for secret in secrets if secret.lower() in said] == []
    assert f"i am {MASK.lower()}" in said
    assert "a warm answer" in said
    assert "a short answer" in said


async def test_both_replies_are_shown_at_once_or_not_at_all(tmp_path: Path) -> None:
    world = await build(tmp_path, says)
    study = await world.study(items=1)
    world.arena._worker.cancel()  # type: ignore[union-attr]  # nothing has been written yet
    async with world.rater("ben") as client:
        page = await join(client, study)
        assert "are being written" in page.text
        assert 'http-equiv="refresh"' in page.text
        assert "A warm" not in page.text
        assert "A short" not in page.text
        world.arena.start()
        await world.answered(study)
        page = await client.get(f"/rate/{study.token}")
        assert "A warm answer" in page.text
        assert "A short answer" in page.text
    await world.services.stop()


async def test_nobody_votes_before_they_agreed_and_nothing_is_kept(world: World) -> None:
    study = await world.study(items=1)
    await world.answered(study)
    async with world.rater("ben") as client:
        page = await client.post(f"/rate/{study.token}/join", data={})
        assert "Keep my votes" in page.text
        sent = {"comparison": str(study.id), "answer": "tie"}
        assert (await client.post(f"/rate/{study.token}/vote", data=sent)).status_code == 404
    rows = (await world.services.store.check()).rows
    assert (rows["study_rater"], rows["comparison"], rows["vote"]) == (0, 0, 0)


@pytest.mark.parametrize("token", ["nonsense", "x" * 22, "..", "%00"])
async def test_a_link_that_is_none_leads_nowhere(world: World, token: str) -> None:
    await world.study(items=1)
    async with world.rater("ben") as client:
        for answer in (
            await client.get(f"/rate/{token}"),
            await client.post(f"/rate/{token}/join", data={"keep": "yes"}),
        ):
            assert answer.status_code in {404, 405}


async def test_one_rater_cannot_vote_in_anothers_place(world: World) -> None:
    study = await world.study(items=1)
    await world.answered(study)
    async with world.rater("ben") as ben, world.rater("cleo") as cleo:
        page = await join(ben, study)
        await join(cleo, study)
        assert (await vote(cleo, study, page.text, "tie")).status_code == 404
        assert (await vote(ben, study, page.text, "no such answer")).status_code == 400
        hacked = await ben.get(f"/rate/{study.token}/seen/{comparison_in(page.text)}")
        assert hacked.status_code == 400
        assert MODEL not in hacked.text
    assert await world.arena.ballots(OWNER, study.id) == []
    for call in (
        world.arena.results("ben", study.id),
        world.arena.items("ben", study.id),
        world.arena.delete("ben", study.id),
        world.arena.close("ben", study.id),
        world.arena.try_again("ben", study.id),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_closed_study_takes_no_votes_and_a_deleted_one_leaves_nothing(
    world: World,
) -> None:
    study = await world.study(items=1)
    await world.answered(study)
    async with world.rater("ben") as client:
        page = await join(client, study)
        await world.arena.close(OWNER, study.id)
        assert (await vote(client, study, page.text, "tie")).status_code == 400
        await world.arena.close(OWNER, study.id, closed=False)
        await vote(client, study, page.text, "tie")
        gone = await client.post(f"/rate/{study.token}/withdraw")
        assert "are deleted" in gone.text
        assert (await world.services.store.check()).rows["vote"] == 0
    await world.arena.delete(OWNER, study.id)
    assert not any(
        count
        for table, count in (await world.services.store.check()).rows.items()
        if table not in {"prompt"}
    )


def test_every_choice_has_a_button() -> None:
    from chat.ui.rating_pages.sheets import READ

    assert {choice for choice, _ in READ.values()} == set(Choice)
    assert len(READ) == 6


def test_the_arena_gives_no_way_around_the_token() -> None:
    """What a rater may call takes a token first; all else takes an owner."""
    import inspect

    for name, method in inspect.getmembers(Arena, inspect.iscoroutinefunction):
        if name.startswith("_") or name == "stop":
            continue
        first = list(inspect.signature(method).parameters)[1]
        assert first in {"owner", "token"}, name
