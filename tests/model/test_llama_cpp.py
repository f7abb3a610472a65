"""The engine `llama-cpp` with a small real model: what it says of itself, and how it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from bench.harness import running
from chat.engines.base import Phase
from chat.engines.llama_cpp import LlamaCppEngine
from chat.engines.llama_cpp_chat import SLOTS
from chat.engines.llama_cpp_process import on_processor
from perm.types import EngineError, EngineFault
from tests.support.llama_cpp import llama_cpp
from tests.support.models import small_model
from tests.support.waiting import until

pytestmark = [
    pytest.mark.model,
    pytest.mark.engines,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]

ROOT = Path(__file__).resolve().parents[2]
CANARY = "a sentence that must not be found in any log"
WORDS = "river garden winter letter mother promise street window morning friend answer paper"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LlamaCppEngine]:
    async with running(llama_cpp(tmp_path, 2048)) as ready:
        yield ready


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def text_of(count: int, first: str) -> str:
    """Some prose of about that many tokens that begins in its own way."""
    words = WORDS.split()
    return f"{first} " + " ".join(words[index % len(words)] for index in range(count))


# -- what it can do -----------------------------------------------------------------------------


async def test_it_says_what_it_can_do(engine: LlamaCppEngine, tmp_path: Path) -> None:
    found = engine.capabilities
    assert found.logprobs
    assert found.top_logprobs == 20
    assert found.assistant_prefix
    assert found.prefix_options == {}
    assert found.structured_choice
    assert found.cached_tokens
    assert found.context_tokens == 2048
    assert found.parallel == SLOTS
    assert found.on_processor is on_processor()
    assert found.read_speed is not None
    assert found.read_speed > 0
    assert found.write_speed is not None
    assert found.write_speed > 0
    assert engine.state.phase is Phase.READY


async def test_it_streams_with_usage(engine: LlamaCppEngine) -> None:
    whole: Any = None
    async for chunk in engine.chat_model.astream("Say hello.", max_tokens=8):
        whole = chunk if whole is None else whole + chunk
    assert whole.text
    assert whole.usage_metadata["output_tokens"] <= 8
    assert whole.response_metadata["finish_reason"] in ("stop", "length")


async def test_logprobs_are_of_the_whole_vocabulary_whatever_the_temperature(
    engine: LlamaCppEngine,
) -> None:
    """The direct method needs the model's own probabilities, not those of a cut-down sampler."""
    ask: list[BaseMessage] = [HumanMessage("Rate it from 1 to 5."), AIMessage("Score: ")]

    async def chances(**sampling: Any) -> dict[str, float]:
        answer = await engine.chat_model.ainvoke(
            ask, max_tokens=1, logprobs=True, top_logprobs=20, **sampling
        )
        (place,) = answer.response_metadata["logprobs"]["content"]
        return {one["token"]: math.exp(one["logprob"]) for one in place["top_logprobs"]}

    cold = await chances(temperature=0.0)
    hot = await chances(temperature=1.9, top_p=0.1)
    assert len(cold) == 20
    assert 0.05 < sum(cold.values()) < 1.0, "the rest of the vocabulary has its share"
    assert cold.keys() == hot.keys()
    assert all(math.isclose(cold[token], hot[token], rel_tol=0.02) for token in cold)


async def test_an_assistant_message_is_continued(engine: LlamaCppEngine) -> None:
    asked: list[BaseMessage] = [
        HumanMessage("Count from one to nine in words."),
        AIMessage("one two three four five six"),
    ]
    answer = await engine.chat_model.ainvoke(asked, max_tokens=3, temperature=0)
    continued = answer.text.removeprefix(asked[-1].text)  # this server repeats it
    assert continued.split()[0] == "seven"


# -- what is read twice -------------------------------------------------------------------------


async def test_five_prompts_keep_their_slots_while_a_conversation_grows(
    engine: LlamaCppEngine,
) -> None:
    """A supporter and four perspectives: each reads only what is new, in whatever order."""
    starts = {name: text_of(300, name) for name in ("supporter", "one", "two", "three", "four")}
    said: dict[str, list[BaseMessage]] = {
        name: [SystemMessage(start), HumanMessage("Begin.")] for name, start in starts.items()
    }
    shares = []
    for turn in range(3):
        for name in starts if turn % 2 else reversed(list(starts)):
            answer = await engine.chat_model.ainvoke(said[name], max_tokens=4, temperature=0)
            usage = answer.usage_metadata
            assert usage is not None
            shares.append(
                (turn, usage["input_token_details"]["cache_read"] / usage["input_tokens"])
            )
            said[name] += [AIMessage(answer.text), HumanMessage(f"Turn {turn}.")]
    assert all(share < 0.2 for turn, share in shares if turn == 0), "nothing was known before"
    assert all(share > 0.9 for turn, share in shares if turn > 0)


async def test_more_conversations_than_slots_are_kept_in_memory(engine: LlamaCppEngine) -> None:
    prompts = [[SystemMessage(text_of(200, f"{n} {n} {n}")), HumanMessage("Hi.")] for n in range(8)]
    for prompt in prompts:
        await engine.chat_model.ainvoke(prompt, max_tokens=1)
    for prompt in prompts:
        usage = (await engine.chat_model.ainvoke(prompt, max_tokens=1)).usage_metadata
        assert usage is not None
        assert usage["input_token_details"]["cache_read"] / usage["input_tokens"] > 0.9


async def test_what_does_not_fit_says_so(engine: LlamaCppEngine) -> None:
    with pytest.raises(EngineError) as told:
        await engine.chat_model.ainvoke(text_of(3000, "long"))
    assert told.value.fault is EngineFault.TOO_LONG
    fits = await engine.chat_model.ainvoke(text_of(1000, "fits"), max_tokens=1)
    assert fits.usage_metadata is not None


# -- how it lives and dies ----------------------------------------------------------------------


async def test_start_returns_at_once_and_ready_waits(tmp_path: Path) -> None:
    starting = llama_cpp(tmp_path, 2048)
    began = time.perf_counter()
    await starting.start()
    assert time.perf_counter() - began < 0.1
    assert starting.state.phase is Phase.STARTING
    waiting = asyncio.create_task(starting.ready())
    await asyncio.sleep(0)
    assert not waiting.done()
    await waiting
    pid = starting.pid
    assert pid is not None
    await starting.stop()
    await starting.stop()
    assert not alive(pid)
    with pytest.raises(EngineError, match="stopped"):
        await starting.ready()


async def test_a_death_in_mid_stream_is_told_and_the_next_call_waits(
    engine: LlamaCppEngine,
) -> None:
    pid = engine.pid
    assert pid is not None
    came = 0
    with pytest.raises(EngineError) as told:
        async for chunk in engine.chat_model.astream("Tell a long story.", max_tokens=400):
            came += bool(chunk.text)
            if came == 3:
                os.kill(pid, signal.SIGKILL)
    assert told.value.fault is EngineFault.CUT_OFF
    answer = await engine.chat_model.ainvoke("Are you there?", max_tokens=4)
    assert answer.text
    assert engine.pid != pid
    assert engine.state.phase is Phase.READY


async def test_nobody_sees_the_key_and_nobody_without_it_is_served(engine: LlamaCppEngine) -> None:
    import httpx

    key = engine.chat_model._place.key
    assert len(key) == 32
    assert key not in Path(f"/proc/{engine.pid}/cmdline").read_text("utf-8")
    assert key not in Path(f"/proc/{engine.pid}/environ").read_text("utf-8")
    url = str(engine.chat_model.root_async_client.base_url)
    assert url.startswith("http://127.0.0.1:")
    async with httpx.AsyncClient() as stranger:
        asked = {"messages": [{"role": "user", "content": "hi"}]}
        answer = await stranger.post(f"{url}chat/completions", json=asked)
        assert answer.status_code == 401
        for path in ("/slots", "/props", "/metrics"):
            answer = await stranger.get(url.removesuffix("/v1/") + path)
            assert answer.status_code != 200, path


async def test_no_words_in_the_log(engine: LlamaCppEngine, tmp_path: Path) -> None:
    log = tmp_path / "llama-cpp.log"
    before = log.read_bytes()
    await engine.chat_model.ainvoke(CANARY, max_tokens=4)
    with contextlib.suppress(EngineError):
        await engine.chat_model.ainvoke(CANARY * 2000)
    assert before
    assert log.read_bytes() == before, "it falls silent once the model is loaded"


async def test_a_file_that_only_looks_like_a_model_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    engine = llama_cpp(tmp_path, 2048, model=broken)
    await engine.start()
    with pytest.raises(EngineError, match="cannot be loaded") as told:
        await engine.ready()
    assert told.value.fault is EngineFault.NOT_READY
    assert engine.state.phase is Phase.FAILED
    assert "llama-cpp.log" in told.value.todo
    await engine.stop()


CHILD = """
import asyncio, json, sys
from pathlib import Path
from chat.engines.llama_cpp import LlamaCppEngine

async def main():
    engine = LlamaCppEngine(sys.argv[1], models_dir=Path(sys.argv[2]),
        log_file=Path(sys.argv[2]) / "log", context_tokens=1024, threads=0)
    await engine.start()
    if sys.argv[3] == "ready":
        await engine.ready()
    else:
        while engine.pid is None:
            await asyncio.sleep(0.01)
    heavy = [name for name in ("xllamacpp", "torch", "gradio") if name in sys.modules]
    status = Path("/proc/self/status").read_text()
    memory = int(status.split("VmRSS:")[1].split()[0]) // 1024
    print(json.dumps({"pid": engine.pid, "heavy": heavy, "memory": memory}), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["ready", "loading"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_it_does_not_outlive_the_app(
    tmp_path: Path, end: signal.Signals, moment: str
) -> None:
    app = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(small_model()), str(tmp_path), moment, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert app.stdout is not None
    told = json.loads(await app.stdout.readline())
    assert alive(told["pid"])
    assert told["heavy"] == []
    assert told["memory"] < 400
    app.send_signal(end)
    await app.wait()
    await until(lambda: not alive(told["pid"]), seconds=10)
