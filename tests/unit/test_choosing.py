"""Several models from one engine: chosen for a conversation, kept by it, stored with each reply."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from chat import events
from chat.engines.base import ModelChoice
from chat.engines.openai import OpenAIEngine
from chat.engines.scripted import NAME, PLAIN, ScriptedChatModel, ScriptedEngine
from chat.limits import Refused
from chat.services import Services
from chat.session import Session
from chat.settings import EngineName, Settings
from chat.store.records import Consents, Conversation, Reply
from chat.ui.choosing import FIRST, choices, value_of
from perm.types import EngineError, EngineFault
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit

OWNER = "ada"
OTHER = ModelChoice(name="other", title="Another", note="LoRA adapter of own")


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    started = await Services.start(Settings(engine=EngineName.SCRIPTED, data_dir=tmp_path))
    yield started
    await started.stop()


async def answered(session: Session, model: str | None) -> tuple[Conversation, Reply]:
    place = await session.begin(OWNER, "", "", Consents(), model)
    async for event in session.run_turn(OWNER, place.id, "My boss never listens to me."):
        if isinstance(event, events.ReplyDone):
            break
    (turn,) = await session.path(OWNER, place.id)
    assert turn.chosen is not None
    return place, turn.chosen


async def test_a_conversation_keeps_the_model_it_was_begun_with(services: Services) -> None:
    assert [choice.name for choice in services.supporter.models] == [NAME, PLAIN.name]
    place, plain = await answered(services.session, PLAIN.name)
    assert place.model == plain.model == PLAIN.name
    place, warm = await answered(services.session, None)
    assert (place.model, warm.model) == (None, NAME)
    assert plain.response != warm.response


async def test_a_model_that_nobody_offers_is_refused(services: Services) -> None:
    await services.supporter.ready()
    with pytest.raises(Refused, match="no model 'gpt-9'") as refused:
        await services.session.begin(OWNER, "", "", Consents(), "gpt-9")
    assert PLAIN.name in refused.value.todo


async def test_where_the_model_is_gone_the_first_answers_and_is_stored(services: Services) -> None:
    session = services.session
    place = await session.unkept.create_conversation(OWNER, "", "", Consents(), model="gone")
    await services.supporter.ready()
    async for _ in session.run_turn(OWNER, place.id, "Hello."):
        pass
    (turn,) = await session.path(OWNER, place.id)
    assert turn.chosen is not None
    assert turn.chosen.model == NAME


async def test_a_name_is_taken_at_its_word_until_the_engine_is_ready(services: Services) -> None:
    """An adapter is known only once its engine has looked; what answers is stored all the same."""
    await services.supporter.stop()
    assert services.session.serving.choice("adapter").name == "adapter"
    await services.supporter.start()
    await services.supporter.ready()
    assert services.session.serving.choice("adapter").name == NAME


async def test_the_scripted_model_refuses_a_model_that_it_has_not() -> None:
    model = ScriptedChatModel(["own"], {"other": lambda _: "another"})
    asked = [HumanMessage("Hi.")]
    assert (await model.ainvoke(asked, model="other")).text == "another"
    assert (await model.ainvoke(asked)).text == "own"
    with pytest.raises(EngineError) as failed:
        await model.ainvoke(asked, model="third")
    assert failed.value.fault is EngineFault.REQUEST


async def test_an_address_offers_what_it_lists() -> None:
    server = ScriptedServer(
        lambda _: "own", model_name="own", voices={"other": lambda _: "another"}
    )
    async with running(server) as there:
        engine = OpenAIEngine(there.url, SecretStr(""), "")
        await engine.start()
        await engine.ready()
        own, other = engine.models
        assert (own.name, other.name) == ("own", "other")
        assert other.note == "LoRA adapter of own", "vLLM says whose adapter a model is"
        answer = await engine.chat_model.ainvoke([HumanMessage("Hi.")], model="other")
        assert answer.text == "another"
        await engine.stop()


def test_an_engine_that_says_nothing_offers_its_own() -> None:
    assert ScriptedEngine(model_name="m").models == (ModelChoice(name="m", title="m"),)


def test_the_field_names_each_model_and_one_that_is_gone() -> None:
    offered = (ModelChoice(name="own", title="Own"), OTHER)
    known = [("Own", FIRST), ("Another (LoRA adapter of own)", "other")]
    assert list(choices(offered)) == known
    assert list(choices(offered, "other")) == known
    assert choices(offered, "gone")[2] == ("gone (not there now: Own answers)", "gone")
    assert [value_of(offered, one) for one in (None, "own", "other")] == [FIRST, FIRST, "other"]
