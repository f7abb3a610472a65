"""Judged again by another judge, with other prompts: old verdicts stay, all in one table."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI, Request

from chat import api, api_judging, events
from chat.judge_choice import JudgeChoice
from chat.services import Services
from chat.settings import ROOT, EngineName, Scoring, Settings
from chat.store.records import Consents
from chat.ui.verdict_runs import runs, table
from perm import rubric_versions, rubrics
from perm.types import Method, Perspective, PromptError

pytestmark = pytest.mark.unit

OWNER = "ada"


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """The shipped prompts, and a version `strict` of two of them."""
    folder = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", folder)
    for perspective in (Perspective.RESONATION, Perspective.RECEPTION):
        text = (folder / f"{perspective}.md").read_text("utf-8")
        stricter = text.replace("=== Rubric ===\n", "=== Rubric ===\nHigh levels are rare.\n")
        (folder / f"{perspective}-strict.md").write_text(stricter)
    return folder


@pytest.fixture
async def services(tmp_path: Path, prompts: Path) -> AsyncIterator[Services]:
    settings = Settings(
        engine=EngineName.SCRIPTED,
        data_dir=tmp_path,
        scripted_pace=0,
        prompts_dir=prompts,
        method=Scoring.DIRECT,
    )
    found = await Services.start(settings)
    await found.supporter.ready()
    yield found
    await found.stop()


async def replied(services: Services) -> UUID:
    place = await services.session.begin(OWNER, "", "", Consents(keep=True))
    async for event in services.session.run_turn(OWNER, place.id, "So tired."):
        if isinstance(event, events.ReplyDone):
            done = event.reply_id
    assert done is not None
    return done


async def again(services: Services, reply_id: UUID, **by: str) -> list[events.TurnEvent]:
    judging = services.session.judge(OWNER, reply_id, method=Method.REASONED, by=JudgeChoice(**by))
    return [event async for event in judging]


def test_a_version_keeps_the_prompts_that_it_has_no_file_for(prompts: Path) -> None:
    in_use = rubrics.load(prompts)
    assert rubric_versions.version_names(prompts) == ["strict"]
    strict = rubric_versions.version(prompts, "strict", in_use)
    assert strict[Perspective.RESONATION].hash != in_use[Perspective.RESONATION].hash
    assert strict[Perspective.BYSTANDER] == in_use[Perspective.BYSTANDER]
    names = rubric_versions.names_by_hash(prompts, in_use)
    assert names[strict[Perspective.RESONATION].hash] == "strict"
    assert names[in_use[Perspective.RESONATION].hash] == ""
    with pytest.raises(PromptError, match="no version"):
        rubric_versions.version(prompts, "absent", in_use)


def test_a_broken_version_is_told_to_who_asks_for_it(prompts: Path) -> None:
    (prompts / "expression-bad.md").write_text("=== Rubric ===\nnothing else\n")
    in_use = rubrics.load(prompts)
    assert rubric_versions.names_by_hash(prompts, in_use)
    with pytest.raises(PromptError, match=r"expression-bad\.md"):
        rubric_versions.version(prompts, "bad", in_use)


async def test_another_judge_and_other_prompts_leave_the_old_verdicts(services: Services) -> None:
    reply_id = await replied(services)
    before = (await services.session.reply(OWNER, reply_id)).verdicts
    offered = services.session.serving.judges.judges()
    assert len(offered) == 2, "the scripted engine has two voices"
    other = offered[1].name
    await again(services, reply_id, judge=other, prompts="strict")
    after = (await services.session.reply(OWNER, reply_id)).verdicts
    assert after[: len(before)] == before
    new = [saved.verdict for saved in after[len(before) :]]
    assert {one.judge_model for one in new} == {other}
    strict = await services.session.serving.judges.rubrics("strict")
    assert {one.perspective: one.prompt_hash for one in new} == {
        perspective: strict[perspective].hash for perspective in Perspective
    }
    kept = await services.store.prompt(strict[Perspective.RESONATION].hash)
    assert kept == strict[Perspective.RESONATION].text


async def test_the_table_has_a_line_for_each_time(services: Services) -> None:
    reply_id = await replied(services)
    names = await services.session.serving.judges.titles()
    first = (await services.session.reply(OWNER, reply_id)).verdicts
    assert [len(run.verdicts) for run in runs(first, names)] == [4]
    other = services.session.serving.judges.judges()[1].name
    await again(services, reply_id, judge=other)
    await again(services, reply_id, prompts="strict")
    reply = await services.session.reply(OWNER, reply_id)
    found = [(run.judge, run.prompts, len(run.verdicts)) for run in runs(reply.verdicts, names)]
    judge = services.judge_engine.model_name
    assert found[:2] == [(judge, "in use", 4), (other, "in use", 4)]
    assert sorted(found[2:]) == [(judge, "in use", 2), (judge, "strict", 2)]
    shown = table(reply, names)
    assert shown.count("<b>") == 4, "one figure counts for each perspective"
    assert "strict" in shown and other in shown
    assert "earlier" in table(reply, {}), "of a prompt that no file holds any more"


async def test_who_is_not_there_does_not_judge(services: Services) -> None:
    reply_id = await replied(services)
    before = (await services.session.reply(OWNER, reply_id)).verdicts
    for by in ({"judge": "nobody"}, {"prompts": "none"}):
        seen = await again(services, reply_id, **by)
        assert [type(event) for event in seen] == [events.TurnFailed, events.TurnEnded]
    assert (await services.session.reply(OWNER, reply_id)).verdicts == before


async def test_the_api_offers_the_same(services: Services) -> None:
    reply_id = await replied(services)
    app = FastAPI()

    def owner_of(request: Request) -> str:
        return request.headers.get("x-owner", OWNER)

    app.include_router(api_judging.router(services, owner_of))
    api.handle_errors(app)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", timeout=60
    ) as client:
        offered = (await client.get("/api/judges")).json()
        assert offered["prompts"] == ["strict"] and len(offered["judges"]) == 2
        where = f"/api/replies/{reply_id}/judge"
        wish = {"judge": offered["judges"][1]["name"], "prompts": "strict", "method": "reasoned"}
        told = (await client.post(where, json=wish)).text
        assert told.count("event: verdict_landed") == 4 and "reward_ready" in told
        assert (await client.post(where, json={"judge": "nobody"})).status_code == 400
        assert (await client.post(where, json=wish, headers={"x-owner": "bo"})).status_code == 404
        absent = f"/api/replies/{uuid4()}/judge"
        assert (await client.post(absent, json=wish)).status_code == 404
