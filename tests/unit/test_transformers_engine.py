"""The engine `transformers` as the app meets it, with a tiny model of random weights."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages import SystemMessage as System

from chat import engines
from chat.engines import transformers_engine
from chat.engines.base import Phase
from chat.engines.in_process import loading
from chat.engines.in_process.loading import Loaded
from chat.engines.transformers_engine import TransformersEngine
from chat.settings import ROOT, EngineName, Settings, SettingsError
from perm import rubrics
from perm.judges import Judge, contexts_for
from perm.parsing import SupporterOutput
from perm.types import EngineError, EngineFault, Method, Perspective, Unscored, Verdict
from tests.support.tiny_model import write_tiny_model

pytestmark = pytest.mark.unit

ASKED: list[BaseMessage] = [System("You are kind."), HumanMessage("My dog died.")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
async def engine(folder: Path, tmp_path: Path) -> AsyncIterator[TransformersEngine]:
    made = TransformersEngine(str(folder), models_dir=tmp_path, context_tokens=8192, threads=1)
    await made.start()
    try:
        await made.ready()
        yield made
    finally:
        await made.stop()


class Counted:
    """Stands before the model: counts its calls, and can hold or break them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.rows: list[int] = []
        self.failure: Exception | None = None
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.hold_at: int | None = None
        original = Loaded.__init__

        def remember(loaded: Loaded, model: Any, *rest: Any) -> None:
            original(loaded, model, *rest)
            loaded.model = lambda **asked: self._called(model, asked)

        monkeypatch.setattr(Loaded, "__init__", remember)

    def _called(self, model: Any, asked: dict[str, Any]) -> Any:
        self.calls += 1
        if self.calls == self.hold_at:
            self.go_on.clear()
        self.rows.append(len(asked["input_ids"]))
        self.reached.set()
        if not self.go_on.wait(60):
            raise AssertionError("nobody let it go on")
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return model(**asked)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """To be named before `engine`, which is then built around it."""
    return Counted(monkeypatch)


async def streamed(engine: TransformersEngine, **options: Any) -> AIMessageChunk:
    whole: AIMessageChunk | None = None
    async for chunk in engine.chat_model.astream(ASKED, **options):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    return whole


async def test_what_it_can_do_was_found_out(engine: TransformersEngine) -> None:
    found = engine.capabilities
    assert found.logprobs
    assert found.top_logprobs == 20
    assert found.assistant_prefix
    assert dict(found.prefix_options) == {}
    assert not found.structured_choice
    assert found.cached_tokens
    assert found.context_tokens == 8192
    assert found.write_speed is not None
    assert engine.state.phase is Phase.READY
    assert [one.name for one in engine.models] == ["tiny"]


async def test_a_stream_says_what_an_answer_says(engine: TransformersEngine) -> None:
    options: dict[str, Any] = {
        "max_tokens": 20,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 5,
    }
    whole = await streamed(engine, **options)
    answer = await engine.chat_model.ainvoke(ASKED, **options)
    assert whole.text == answer.text
    assert whole.text
    assert whole.response_metadata["finish_reason"] == "length"
    assert answer.response_metadata["finish_reason"] == "length"
    places, same = (one.response_metadata["logprobs"]["content"] for one in (whole, answer))
    assert [place["token"] for place in places] == [place["token"] for place in same]
    assert len(places) == 20
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 20


async def test_what_was_read_before_is_counted_as_cached(engine: TransformersEngine) -> None:
    long = [System("A rubric that never changes. " * 10), HumanMessage("one")]
    await engine.chat_model.ainvoke(long, max_tokens=1)
    again = await engine.chat_model.ainvoke([long[0], HumanMessage("two")], max_tokens=1)
    assert again.usage_metadata is not None
    cached = again.usage_metadata["input_token_details"]["cache_read"]
    assert 290 < cached < again.usage_metadata["input_tokens"]


async def test_the_next_message_goes_on_from_the_reply(engine: TransformersEngine) -> None:
    first = await streamed(engine, max_tokens=30, temperature=0)
    assert first.usage_metadata is not None
    longer = [*ASKED, AIMessage(first.text), HumanMessage("And now?")]
    second = await engine.chat_model.ainvoke(longer, max_tokens=1)
    assert second.usage_metadata is not None
    cached = second.usage_metadata["input_token_details"]["cache_read"]
    assert cached >= first.usage_metadata["input_tokens"]


def judge(engine: TransformersEngine) -> Judge:
    prompts = rubrics.load(ROOT / "prompts")
    return Judge(engine.chat_model, engine.model_name, engine.capabilities, prompts)


def plain(verdict: Verdict) -> dict[str, Any]:
    """Without what time and the state of the cache change; the mass as far as float32 tells."""
    found = verdict.model_dump(exclude={"seconds", "usage", "mass", "distribution"})
    mass = None if verdict.mass is None else round(verdict.mass, 4)
    return found | {"mass": mass}


@pytest.mark.parametrize("together", [True, False])
async def test_four_verdicts_at_once_are_those_that_each_gets_alone(
    counted: Counted, engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    loaded = engine._worker.loaded.result()  # type: ignore[union-attr]
    monkeypatch.setattr(loaded, "reads_together", together)
    output = SupporterOutput(analysis="She grieves.", response="I am so sorry.", formatted=True)
    contexts = contexts_for("A nurse", "Her dog died", "My dog died.", output)
    asks = judge(engine)
    counted.rows.clear()
    at_once = {v.perspective: v async for v in asks.judge_all(contexts, Method.DIRECT)}
    if together:
        assert max(counted.rows) > 1
    for perspective in Perspective:
        alone = await asks.judge(perspective, contexts[perspective], Method.DIRECT)
        assert plain(at_once[perspective]) == plain(alone)
        assert alone.error is None
        assert alone.unscored is not Unscored.ENGINE


async def test_who_leaves_a_stream_ends_it(counted: Counted, engine: TransformersEngine) -> None:
    stream = engine.chat_model.astream(ASKED, max_tokens=8000)
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]
    await engine.chat_model.ainvoke(ASKED, max_tokens=1)  # judging: after all chat has ended
    before = counted.calls
    await engine.chat_model.ainvoke(ASKED, max_tokens=1)
    assert counted.calls - before == 1, "nothing else is being generated"


async def test_a_message_goes_before_the_judging_that_runs(
    counted: Counted, engine: TransformersEngine
) -> None:
    counted.go_on.clear()
    counted.reached.clear()
    task = asyncio.create_task(engine.chat_model.ainvoke(ASKED, max_tokens=200, temperature=0))
    assert await asyncio.to_thread(counted.reached.wait, 60)
    reply = asyncio.create_task(streamed(engine, max_tokens=20))
    await asyncio.sleep(0)  # one turn of the loop: the reply is asked for
    while not engine._worker._new:  # type: ignore[union-attr]  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)
    # The model is held after so many steps: enough for the reply, not for the judging before it.
    counted.hold_at = counted.calls + 32
    counted.go_on.set()
    async with asyncio.timeout(60):
        await reply
    assert not task.done()
    counted.hold_at = None
    counted.go_on.set()
    await task


async def test_memory_that_runs_out_is_told_and_the_next_call_works(
    counted: Counted, engine: TransformersEngine
) -> None:
    counted.failure = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    with pytest.raises(EngineError) as failed:
        await engine.chat_model.ainvoke(ASKED, max_tokens=5)
    assert failed.value.fault is EngineFault.SERVER
    assert failed.value.what.startswith("Memory ran out")
    assert (await engine.chat_model.ainvoke(ASKED, max_tokens=5)).text


async def test_a_fault_in_the_model_is_told_without_what_was_said(
    counted: Counted, engine: TransformersEngine, caplog: pytest.LogCaptureFixture
) -> None:
    counted.failure = ValueError("canary")
    with pytest.raises(EngineError, match="ValueError"):
        await streamed(engine, max_tokens=5)
    assert "canary" not in caplog.text
    assert "_called" in caplog.text, "the log says where"


async def test_an_unknown_model_and_a_schema_are_refused(engine: TransformersEngine) -> None:
    for asked in ({"model": "another"}, {"response_format": {"type": "json_object"}}):
        with pytest.raises(EngineError) as refused:
            await engine.chat_model.ainvoke(ASKED, **asked)
        assert refused.value.fault is EngineFault.REQUEST


async def test_stopping_ends_what_runs(engine: TransformersEngine) -> None:
    stream = engine.chat_model.astream(ASKED, max_tokens=8000)
    async for _ in stream:
        break
    await engine.stop()
    with pytest.raises(EngineError) as ended:
        async for _ in stream:
            pass
    assert ended.value.fault is EngineFault.NOT_READY
    assert engine.state.phase is Phase.STOPPED
    with pytest.raises(EngineError):
        await engine.chat_model.ainvoke(ASKED)


async def test_a_damaged_model_is_refused_in_words(tmp_path: Path) -> None:
    broken = write_tiny_model(tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    made = TransformersEngine(str(broken), models_dir=tmp_path, context_tokens=2048)
    await made.start()
    with pytest.raises(EngineError) as refused:
        await made.ready()
    assert made.state.phase is Phase.FAILED
    assert refused.value.what and "Traceback" not in refused.value.what
    await made.stop()


async def test_memory_that_does_not_suffice_is_told_at_start(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "free_bytes", lambda _: 1000)
    made = TransformersEngine(str(folder), models_dir=tmp_path, context_tokens=2048)
    await made.start()
    with pytest.raises(EngineError, match="GB of memory"):
        await made.ready()
    await made.stop()


def test_without_torch_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> object:
        return None if name == "torch" else find_spec(name)

    monkeypatch.setattr(transformers_engine, "find_spec", absent)
    settings = Settings(engine=EngineName.TRANSFORMERS, models_dir=tmp_path)
    with pytest.raises(SettingsError) as refused:
        engines.build(settings, "supporter")
    assert "torch" in refused.value.what
    assert "transformers]" in refused.value.todo


def test_it_is_built_from_the_settings(tmp_path: Path, folder: Path) -> None:
    settings = Settings(engine=EngineName.TRANSFORMERS, model=str(folder), models_dir=tmp_path)
    made = engines.build(settings, "supporter")
    assert isinstance(made, TransformersEngine)
    assert made.model_name == "tiny"
