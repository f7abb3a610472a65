"""What the terminal says while a model comes up."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from chat.cli import starting
from chat.engines.base import EngineState, Phase
from chat.engines.scripted import ScriptedEngine

pytestmark = pytest.mark.unit


class ComingUp(ScriptedEngine):
    """Gives one prepared state after the other, the last one for ever."""

    def __init__(self, *states: EngineState) -> None:
        super().__init__(model_name="qwen")
        self._left: Iterator[EngineState] = iter(states)
        self._shown = states[0]

    @property
    def state(self) -> EngineState:
        self._shown = next(self._left, self._shown)
        return self._shown


def fetched(progress: float) -> EngineState:
    return EngineState(phase=Phase.STARTING, detail=f"fetched: {progress:.2f}", progress=progress)


READY = EngineState(phase=Phase.READY)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "LOOK_EVERY", 0.0)


async def told(engine: ComingUp, *, terminal: bool = False) -> str:
    out = StringIO()
    await starting.tell(engine, Console(file=out, force_terminal=terminal, width=100))
    return out.getvalue()


async def test_without_a_terminal_each_tenth_is_one_line() -> None:
    states = [fetched(part / 100) for part in range(100)]
    lines = (await told(ComingUp(*states, READY))).splitlines()
    assert 8 <= len(lines) <= 11
    assert lines[-1] == "The model qwen is ready."


async def test_with_a_terminal_there_is_a_bar() -> None:
    out = await told(ComingUp(*[fetched(part / 10) for part in range(10)], READY), terminal=True)
    assert "fetched" in out and "%" in out and "ready" in out


async def test_a_failure_is_said_with_what_to_do() -> None:
    failed = EngineState(phase=Phase.FAILED, detail="The file is damaged.", todo="Fetch it again.")
    assert "The file is damaged. Fetch it again." in await told(ComingUp(fetched(0), failed))
