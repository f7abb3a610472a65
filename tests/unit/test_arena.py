"""The arena as its people meet it: a study made, answered ahead, rated over HTTP, and read.

Raters are HTTP clients here, so that every byte that reaches them can be looked at.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from chat.arena.arena import Arena
from chat.arena.contestants import NoContestant
from chat.arena.masking import MASK
from chat.engines.scripted import ScriptedEngine
from chat.engines.scripted_model import Output
from chat.limits import Refused
from chat.services import Services
from chat.serving import Serving
from chat.session import Session
from chat.settings import ROOT, EngineName, Scoring, Settings
from chat.store import NotFound, Store
from chat.store.study_records import Choice, NewStudy, Study, StudyKind, StudyPrompt
from chat.ui.rating_pages.routes import rating_routes
from perm import rubrics
from perm.rubrics import supporter_prompt
from perm.types import Capabilities, EngineError, EngineFault, Perspective

pytestmark = pytest.mark.unit

OWNER, MODEL, OTHER = "olga", "acme-warm-7b", "acme-plain-7b"
PROMPTS = rubrics.load(ROOT / "prompts")
ANALYSIS = "The secret notes of the supporter"
FAST = Capabilities(assistant_prefix=True, context_tokens=4096, parallel=4, write_speed=500.0)
OTHER_PROMPT = supporter_prompt(PROMPTS.supporter.text.replace("warm and attentive", "short"))


class World:
    """An arena over a real store and a scripted engine, and raters who come over HTTP."""

    def __init__(self, services: Services) -> None:
        self.services, self.arena = services, services.arena
        self.app = FastAPI()
        self.app.include_router(rating_routes(services, lambda asked: asked.headers["x-owner"]))

    @asynccontextmanager
    async def rater(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=self.app)
        headers = {"x-owner": name}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers, follow_redirects=True
        ) as client:
            yield client

    async def study(self, items: int = 3, kind: StudyKind = StudyKind.STUDY) -> Study:
        prompt = self.services.rubrics.supporter
        await self.arena.contestants.keep(OTHER_PROMPT)
        one = await self.arena.contestants.contestant(MODEL, prompt.hash)
        new = NewStudy(
            name="Warm against short",
            kind=kind,
            a=one,
            b=one.model_copy(update={"name": "Short", "prompt_hash": OTHER_PROMPT.hash}),
        )
        prompts = [
            StudyPrompt(persona="a nurse", message=f"I am tired, {n}.") for n in range(items)
        ]
        return await self.arena.create(OWNER, new, prompts)

    async def answered(self, study: Study) -> None:
        """Wait until everything that waits has been written."""
        while (worker := self.arena._worker) is not None and not worker.done():
            await worker
        for task in list(self.arena._running.values()):
            await task


def says(messages: list[object]) -> Output | str:
    system = str(messages[0].content)  # type: ignore[attr-defined]
    for perspective in Perspective:
        if system == PROMPTS[perspective].system:
            return "16, 16, 16, 16, 16" if perspective is Perspective.BYSTANDER else "4"
    who = "warm" if system == PROMPTS.supporter.system else "short"
    return f"# Analysis\n{ANALYSIS}\n\n# Response\nI am {MODEL}, by Alibaba Cloud. A {who} answer."


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await build(tmp_path, says)
    yield made
    await made.services.stop()


async def build(folder: Path, script: Callable[..., object], **settings: object) -> World:
    chosen = Settings(
        engine=EngineName.SCRIPTED,
        data_dir=folder,
        method=Scoring.DIRECT,
        **settings,  # type: ignore[arg-type]
    )
    engine = ScriptedEngine(script, model_name=MODEL, capabilities=FAST)  # type: ignore[arg-type]
    kept, unkept = await Store.open(chosen.database), await Store.open("sqlite:///:memory:")
    serving = Serving.compose(chosen, PROMPTS, engine, engine)
    session = Session(serving, kept, unkept)
    await engine.start()
    await kept.save_prompt(PROMPTS.supporter.hash, "supporter", PROMPTS.supporter.text)
    return World(Services(chosen, PROMPTS, engine, engine, kept, session))


def comparison_in(page: str) -> str:
    found = re.search(r'name="comparison" value="([0-9a-f-]{36})"', page)
    assert found is not None, page
    return found[1]


async def join(client: httpx.AsyncClient, study: Study) -> httpx.Response:
    return await client.post(f"/rate/{study.token}/join", data={"keep": "yes"})


async def vote(client: httpx.AsyncClient, study: Study, page: str, answer: str) -> httpx.Response:
    data = {"comparison": comparison_in(page), "answer": answer, "why": "It stays with me."}
    return await client.post(f"/rate/{study.token}/vote", data=data)


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
    world.arena._worker.cancel()  # type: ignore[union-attr] - nothing has been written yet
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


async def test_in_ones_own_arena_names_and_rewards_come_after_the_vote(world: World) -> None:
    study = await world.study(items=0, kind=StudyKind.OWN)
    async with world.rater(OWNER) as client:
        page = await join(client, study)
        assert "What shall both answer?" in page.text
        said = {"message": "I got the job!", "persona": "", "scenario": ""}
        page = await client.post(f"/rate/{study.token}/say", data=said)
        await world.answered(study)
        page = await client.get(f"/rate/{study.token}")
        assert MODEL not in page.text
        page = await vote(client, study, page.text, "right-clear")
        assert "You clearly preferred" in page.text
        assert MODEL in page.text
        assert "Short" in page.text
        assert "reward 0.78" in page.text
        assert ANALYSIS not in page.text
        assert "What shall both answer?" in (await client.get(f"/rate/{study.token}")).text
    async with world.rater("ben") as client:
        await join(client, study)
        said = {"message": "Mine."}
        assert (await client.post(f"/rate/{study.token}/say", data=said)).status_code == 400
    assert (await world.arena.results(OWNER, study.id)).votes == 1


async def test_ones_own_messages_count_and_are_bounded(tmp_path: Path) -> None:
    world = await build(tmp_path, says, turns_per_minute=3, max_message_chars=100)
    study = await world.study(items=0, kind=StudyKind.OWN)
    with pytest.raises(Refused, match="100"):
        await world.arena.say(study.token, OWNER, StudyPrompt(message="a" * 101))
    with pytest.raises(Refused, match="empty"):
        await world.arena.say(study.token, OWNER, StudyPrompt(message=" "))
    await world.arena.say(study.token, OWNER, StudyPrompt(message="hello"))
    with pytest.raises(Refused, match="minute"):
        await world.arena.say(study.token, OWNER, StudyPrompt(message="hello"))
    await world.answered(study)
    await world.services.stop()


async def test_a_crisis_in_a_message_shows_the_card_and_is_noted(world: World) -> None:
    study = await world.study(items=0, kind=StudyKind.OWN)
    async with world.rater(OWNER) as client:
        await join(client, study)
        said = {"message": "I want to kill myself tonight."}
        await client.post(f"/rate/{study.token}/say", data=said)
        await world.answered(study)
        page = await client.get(f"/rate/{study.token}", headers={"accept-language": "en-GB"})
    assert 'class="crisis"' in page.text
    assert "116" in page.text
    [item] = await world.arena.items(OWNER, study.id)
    [turn] = await world.services.session.path(OWNER, item.conversation_id)
    assert turn.crisis == "suicide"


async def test_what_was_written_is_shown_as_text(world: World) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    study = await world.study(items=0, kind=StudyKind.OWN)
    async with world.rater(OWNER) as client:
        await join(client, study)
        said = {"message": attack, "persona": attack, "scenario": attack}
        await client.post(f"/rate/{study.token}/say", data=said)
        await world.answered(study)
        page = await client.get(f"/rate/{study.token}")
    assert "<img" not in page.text
    assert "<script>alert" not in page.text
    assert page.text.count("&lt;img src=x") == 3


async def test_a_model_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    broken = [True]

    def script(messages: list[object]) -> Output | str:
        said = says(messages)
        fails = broken[0] and isinstance(said, str) and "short" in said
        error = EngineError(EngineFault.REQUEST, "The model is out of order.")
        return Output(text="", failure=error) if fails else said

    world = await build(tmp_path, script)
    study = await world.study(items=2)
    await world.answered(study)
    summary = await world.arena.summary(OWNER, study.id)
    assert (summary.ready, summary.failed) == (0, 2)
    assert "out of order" in str((await world.arena.items(OWNER, study.id))[0].error)
    broken[0] = False
    await world.arena.try_again(OWNER, study.id)
    await world.answered(study)
    summary = await world.arena.summary(OWNER, study.id)
    assert (summary.ready, summary.failed) == (2, 0)
    await world.services.stop()


async def test_what_waits_is_answered_after_a_restart(tmp_path: Path) -> None:
    first = await build(tmp_path, says)
    study = await first.study(items=2)
    await first.services.stop()
    second = await build(tmp_path, says)
    second.arena.start()
    await second.answered(study)
    summary = await second.arena.summary(OWNER, study.id)
    assert (summary.items, summary.ready) == (2, 2)
    await second.services.stop()


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


async def test_contestants_must_exist_and_differ(world: World) -> None:
    prompt = world.services.rubrics.supporter
    one = await world.arena.contestants.contestant(MODEL, prompt.hash)
    with pytest.raises(Refused, match="same"):
        await world.arena.create(OWNER, NewStudy(name="x", a=one, b=one), [])
    with pytest.raises(NoContestant, match="no model"):
        await world.arena.contestants.contestant("nobody", prompt.hash)
    with pytest.raises(NoContestant, match="prompt"):
        await world.arena.contestants.contestant(MODEL, "nothing")


async def test_prompts_beside_the_one_in_use_are_versions_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    for path in (ROOT / "prompts").glob("*.md"):
        (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")
    (folder / "supporter-short.md").write_text(OTHER_PROMPT.text, "utf-8")
    world = await build(tmp_path / "data", says, prompts_dir=folder)
    titles = [one.title for one in await world.arena.contestants.prompts()]
    assert titles == ["the prompt in use", "supporter-short"]
    found = await world.arena.contestants.contestant(MODEL, OTHER_PROMPT.hash)
    assert found.name == f"{MODEL}, supporter-short"
    voice = await world.arena.contestants.voice(found)
    assert voice.prompt == OTHER_PROMPT
    await world.services.stop()


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
