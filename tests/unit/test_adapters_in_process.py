"""LoRA adapters of the engine `transformers`: beside one backbone, never in each other's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.messages import SystemMessage as System

from chat import engines
from chat.engines.base import Phase
from chat.engines.lora import CONFIG, FOLDER
from chat.engines.transformers_engine import TransformersEngine
from chat.services import Services
from chat.settings import EngineName, Settings
from chat.store.records import Consents
from chat.ui.header import served
from perm.types import EngineError, EngineFault
from tests.support.lora import write_noisy_adapter
from tests.support.tiny_model import write_tiny_model

pytestmark = pytest.mark.unit

ASKED: list[BaseMessage] = [System("You are kind."), HumanMessage("My dog died.")]
NAMES = ("brief", "warm-1.5")
"""A name may hold a dot."""

Make = Callable[[str], TransformersEngine]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder: a backbone, two adapters that fit it, one that says so and does not."""
    place = tmp_path_factory.mktemp("models")
    backbone = write_tiny_model(place / "tiny")
    for seed, name in enumerate(NAMES):
        write_noisy_adapter(place / FOLDER / name, backbone, "somebody/Tiny", seed)
    wide = write_tiny_model(place / "wide", hidden_size=32)
    write_noisy_adapter(place / FOLDER / "a-misfit", wide, "tiny")
    return place


@pytest.fixture
async def made(models: Path) -> AsyncIterator[Make]:
    """An engine for what the setting names; all are stopped in the end."""
    running: list[TransformersEngine] = []

    def make(model: str) -> TransformersEngine:
        settings = Settings(
            engine=EngineName.TRANSFORMERS, model=model, models_dir=models, threads=1
        )
        engine = engines.build(settings, "supporter")
        assert isinstance(engine, TransformersEngine)
        running.append(engine)
        return engine

    yield make
    for engine in running:
        await engine.stop()


async def up(engine: TransformersEngine) -> TransformersEngine:
    await engine.start()
    await engine.ready()
    return engine


async def said(engine: TransformersEngine, model: str | None = None, tokens: int = 16) -> str:
    asked: dict[str, Any] = {"model": model} if model else {}
    answer = await engine.chat_model.ainvoke(ASKED, max_tokens=tokens, temperature=0, **asked)
    assert answer.response_metadata["model_name"] == (model or engine.model_name)
    return answer.text


async def test_each_speaks_in_its_own_way_together_as_alone(
    made: Make, models: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = await up(made(str(models / "tiny")))
    assert [(one.name, one.note) for one in engine.models] == [
        ("tiny", ""),
        ("brief", "LoRA adapter of tiny"),
        ("warm-1.5", "LoRA adapter of tiny"),
    ]
    assert "a-misfit does not fit" in caplog.text
    speakers = (None, *NAMES)
    alone = [await said(engine, model) for model in speakers]
    assert len(set(alone)) == 3, "each is another model"
    loaded = engine._worker.loaded.result()  # type: ignore[union-attr]
    for together in (True, False):
        monkeypatch.setattr(loaded, "reads_together", together)
        at_once = await asyncio.gather(*(said(engine, model) for model in (*speakers, *speakers)))
        assert list(at_once) == [*alone, *alone]
    await engine.stop()

    for name in (*NAMES, "a-misfit"):
        (models / FOLDER / name / CONFIG).rename(models / FOLDER / name / "away")
    bare = await up(made(str(models / "tiny")))
    for name in (*NAMES, "a-misfit"):
        (models / FOLDER / name / "away").rename(models / FOLDER / name / CONFIG)
    assert [one.name for one in bare.models] == ["tiny"]
    assert await said(bare) == alone[0], "the backbone is as if they were not there"


async def test_what_one_model_read_is_of_no_use_to_another(made: Make, models: Path) -> None:
    engine = await up(made(str(models / "tiny")))
    long = [System("A rubric that never changes. " * 10), HumanMessage("one")]

    async def cached(model: str) -> int:
        answer = await engine.chat_model.ainvoke(long, max_tokens=1, model=model)
        assert answer.usage_metadata is not None
        return answer.usage_metadata["input_token_details"]["cache_read"]

    first = [await cached(model) for model in ("tiny", *NAMES)]
    again = [await cached(model) for model in ("tiny", *NAMES)]
    assert all(count < 50 for count in first), "the probe's prompts begin alike, no more"
    assert all(count > 290 for count in again)


async def test_an_adapter_as_the_model_starts_its_backbone_and_goes_first(made: Make) -> None:
    engine = await up(made("brief"))
    assert engine.model_name == "tiny", "which judges, unless a judge of its own is set"
    assert [one.name for one in engine.models] == ["brief", "tiny", "warm-1.5"]
    assert await said(engine, "brief") != await said(engine)


async def test_a_conversation_gets_the_adapter_that_was_named_and_its_backbone_judges(
    models: Path, tmp_path: Path
) -> None:
    settings = Settings(
        engine=EngineName.TRANSFORMERS,
        model="brief",
        models_dir=models,
        data_dir=tmp_path,
        max_tokens=16,
        judge_retries=0,
        threads=1,
    )
    services = await Services.start(settings)
    try:
        await services.supporter.ready()
        place = await services.session.begin("ada", "", "", Consents())
        async for _ in services.session.run_turn("ada", place.id, "My dog died."):
            pass
        (turn,) = await services.session.path("ada", place.id)
        shown = served(services.supporter, services.judge_engine)
    finally:
        await services.stop()
    assert turn.chosen is not None
    assert turn.chosen.model == "brief"
    assert {saved.verdict.judge_model for saved in turn.chosen.verdicts} == {"tiny"}
    assert [(one.role, one.model) for one in shown] == [("Model", "brief"), ("Judge", "tiny")]


async def test_an_adapter_that_does_not_fit_is_told_where_it_was_asked_for(made: Make) -> None:
    engine = made("a-misfit")
    await engine.start()
    with pytest.raises(EngineError, match="a-misfit cannot be served beside tiny") as failed:
        await engine.ready()
    assert failed.value.fault is EngineFault.NOT_READY
    assert engine.state.phase is Phase.FAILED


async def test_a_model_that_is_not_offered_is_refused_by_name(made: Make, models: Path) -> None:
    engine = await up(made(str(models / "tiny")))
    with pytest.raises(EngineError) as refused:
        await engine.chat_model.ainvoke(ASKED, model="a-misfit")
    assert refused.value.fault is EngineFault.REQUEST
    assert "tiny or brief or warm-1.5" in refused.value.todo
