"""The engine `vllm` before a program that stands for vLLM: its life, its key, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from langchain_core.messages import HumanMessage

from chat.engines import own_server
from chat.engines.base import Phase
from chat.engines.process_group import members
from chat.engines.vllm import VllmEngine
from perm.types import EngineError, EngineFault
from tests.support import checkpoints, fake_vllm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc"),
]

ROOT = Path(__file__).resolve().parents[2]
CANARY = "a sentence that must not be found in any log"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return checkpoints.write_model(
        tmp_path / "tiny", checkpoints.qwen2_tensors(), checkpoints.QWEN2
    )


@pytest.fixture
async def made(tmp_path: Path, model: Path) -> AsyncIterator[Callable[[str], VllmEngine]]:
    """Makes an engine with options of one's own; all are stopped in the end."""
    engines: list[VllmEngine] = []
    place = fake_vllm.environment(tmp_path / "environment")

    def make(options: str = "") -> VllmEngine:
        engines.append(
            VllmEngine(
                str(model),
                models_dir=tmp_path / "models",
                log_file=tmp_path / "vllm.log",
                context_tokens=2048,
                options=options,
                environment=place,
            )
        )
        return engines[-1]

    yield make
    for engine in engines:
        await engine.stop()


async def up(engine: VllmEngine) -> VllmEngine:
    await engine.start()
    await engine.ready()
    return engine


def server_of(engine: VllmEngine) -> int:
    """The process that serves: the watch's child."""
    return int(Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text().split()[0])


async def gone(group: int) -> bool:
    for _ in range(150):
        if not members(group):
            return True
        await asyncio.sleep(0.1)
    return False


async def test_it_comes_up_in_calm_words_and_answers(
    made: Callable[[str], VllmEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = made("")
    told: list[tuple[str, float | None]] = []
    note = engine._tell

    def tell(phase: Phase, detail: str, todo: str = "", progress: float | None = None) -> None:
        told.append((detail, progress))
        note(phase, detail, todo, progress)

    monkeypatch.setattr(engine, "_tell", tell)
    await up(engine)
    details = [detail for detail, _ in told]
    assert details[:3] == [
        "It is starting.",
        "The model in tiny is being examined.",
        "vLLM is starting. That takes up to a minute.",
    ]
    assert ("The model's weights are being loaded.", 0.5) in told
    assert not any("compiled" in detail for detail in details)
    assert engine.state.detail == "The model tiny is ready."
    answer = await engine.chat_model.ainvoke([HumanMessage("I am sad.")], max_tokens=40)
    assert answer.text
    assert engine.capabilities.parallel == 8
    assert [choice.name for choice in engine.models] == ["tiny"]


async def test_the_key_is_random_and_on_no_command_line(
    made: Callable[[str], VllmEngine], tmp_path: Path
) -> None:
    engine = await up(made(""))
    key = engine.chat_model._place.key
    assert len(key) == 32
    for process in members(engine.pid or 0):
        assert key not in Path(f"/proc/{process}/cmdline").read_text("utf-8")
    assert key not in (tmp_path / "vllm.log").read_text("utf-8")
    address = str(engine.chat_model.root_async_client.base_url)
    async with httpx.AsyncClient() as stranger:
        answer = await stranger.get(f"{address}models")
    assert answer.status_code == 401


async def test_what_people_say_is_not_logged(
    made: Callable[[str], VllmEngine], tmp_path: Path
) -> None:
    engine = await up(made(f"--fake-said 'my.CanaryError: {CANARY}'"))
    await engine.chat_model.ainvoke([HumanMessage(CANARY)], max_tokens=4)
    log = (tmp_path / "vllm.log").read_text("utf-8")
    assert "Resolved architecture" in log
    assert "my.CanaryError" in log
    assert CANARY not in log


async def test_a_death_in_mid_reply_is_told_and_the_server_comes_back(
    made: Callable[[str], VllmEngine],
) -> None:
    engine = await up(made(""))
    first, key = engine.pid or 0, engine.chat_model._place.key
    assert len(members(first)) == 3, "the watch, the server, and a process of the server's"
    pieces = 0
    with pytest.raises(EngineError) as failed:
        async for _ in engine.chat_model.astream([HumanMessage("I am sad.")]):
            pieces += 1
            if pieces == 3:
                os.kill(server_of(engine), signal.SIGKILL)
    assert failed.value.fault is EngineFault.CUT_OFF
    assert await gone(first)
    answer = await engine.chat_model.ainvoke([HumanMessage("Are you there?")], max_tokens=8)
    assert answer.text, "a call made meanwhile waits for the new server"
    assert engine.state.phase is Phase.READY
    assert engine.pid != first
    assert engine.chat_model._place.key != key


async def test_stop_leaves_no_process(made: Callable[[str], VllmEngine]) -> None:
    engine = await up(made(""))
    group = engine.pid or 0
    await engine.stop()
    assert members(group) == []
    assert engine.state.phase is Phase.STOPPED
    await engine.stop()


async def test_stop_while_it_loads_leaves_no_process(made: Callable[[str], VllmEngine]) -> None:
    engine = made("")
    await engine.start()
    while engine.pid is None:  # noqa: ASYNC110 - an engine has no event for it
        await asyncio.sleep(0.02)
    group = engine.pid
    await engine.stop()
    assert members(group) == []


@pytest.mark.parametrize("moment", ["loading", "ready"])
async def test_when_the_app_is_killed_no_process_stays(
    tmp_path: Path, model: Path, moment: str
) -> None:
    place = fake_vllm.environment(tmp_path / "environment")
    app = f"""
import asyncio
from pathlib import Path
from chat.engines.process_group import members
from chat.engines.vllm import VllmEngine
async def main():
    engine = VllmEngine({str(model)!r}, models_dir=Path({str(tmp_path)!r}), context_tokens=2048,
                        log_file=Path({str(tmp_path)!r}) / "log", environment=Path({str(place)!r}))
    await engine.start()
    while engine.pid is None:
        await asyncio.sleep(0.02)
    if {moment!r} == "ready":
        await engine.ready()
    print(engine.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", app, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    group = int(await process.stdout.readline())
    assert members(group)
    process.kill()
    await process.wait()
    assert await gone(group)


async def test_when_the_watch_is_killed_the_rest_goes_too(
    made: Callable[[str], VllmEngine],
) -> None:
    engine = await up(made(""))
    group = engine.pid or 0
    os.kill(group, signal.SIGKILL)
    assert await gone(group)
    await engine.ready()


async def test_why_it_does_not_come_up_is_said_once(
    made: Callable[[str], VllmEngine], tmp_path: Path
) -> None:
    engine = made("--fake-failure 'ValueError: No available memory for the cache blocks.'")
    await engine.start()
    with pytest.raises(EngineError) as failed:
        await engine.ready()
    assert failed.value.fault is EngineFault.NOT_READY
    assert engine.state.phase is Phase.FAILED
    assert engine.state.detail == "The model does not fit into the memory."
    assert str(tmp_path / "vllm.log") in engine.state.todo


async def test_silent_deaths_end_in_giving_up(
    made: Callable[[str], VllmEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_server, "TRIES", 2)
    engine = made("--fake-death")
    await engine.start()
    with pytest.raises(EngineError, match="stopped 2 times in a row"):
        await engine.ready()


async def test_without_its_environment_it_says_how_to_build_it(tmp_path: Path, model: Path) -> None:
    engine = VllmEngine(
        str(model),
        models_dir=tmp_path,
        log_file=tmp_path / "log",
        context_tokens=2048,
        environment=tmp_path / "nowhere",
    )
    await engine.start()
    with pytest.raises(EngineError, match="vLLM is not installed"):
        await engine.ready()
    assert "vllm_environment.py" in engine.state.todo
    await engine.stop()


async def test_hollow_weights_are_refused_before_anything_is_started(
    made: Callable[[str], VllmEngine], model: Path, tmp_path: Path
) -> None:
    checkpoints.write_model(
        model, checkpoints.hollowed(checkpoints.qwen2_tensors()), checkpoints.QWEN2
    )
    engine = made("")
    await engine.start()
    with pytest.raises(EngineError, match="cannot be served"):
        await engine.ready()
    assert engine.pid is None
    assert not (tmp_path / "vllm.log").exists()
