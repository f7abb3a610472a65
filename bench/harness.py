"""What all measures share: a server to measure against, timing, and the table's line."""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import httpx

from chat import engines
from chat.engines.base import Engine
from chat.engines.catalogue import SMOLLM
from chat.settings import ROOT, EngineName, Scoring, Settings
from perm import rubrics
from perm.rubrics import Rubrics
from perm.types import Verdict

AnyEngine = TypeVar("AnyEngine", bound=Engine)

SMALL: Final = "small"
CONTEXT: Final = {SMALL: 8192, "default": 4096}
MAX_TOKENS: Final[int] = Settings.model_fields["max_tokens"].default
READY_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Line:
    """One line of the table. `limit`: at most this, or at least it where `at_least`.

    `against`: what the figure is compared with; `detail`: the absolute figures behind it;
    `missing`: why this machine cannot show it, where `figure` is None.
    """

    what: str
    against: str
    figure: float | None
    unit: str = ""
    limit: float | None = None
    at_least: bool = False
    server: str = ""
    detail: str = ""
    missing: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the limit is kept; None where there is none, or no figure."""
        if self.figure is None or self.limit is None:
            return None
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


@asynccontextmanager
async def running(engine: AnyEngine) -> AsyncIterator[AnyEngine]:
    """The engine, ready, and ended afterwards."""
    await engine.start()
    try:
        await engine.ready()
        yield engine
    finally:
        await engine.stop()


@dataclass(frozen=True)
class Bench:
    """What is measured, how thoroughly, and where files may lie."""

    settings: Settings
    folder: Path
    quick: bool = False

    @property
    def rubrics(self) -> Rubrics:
        return rubrics.load(self.settings.prompts_dir)

    def times(self, whole: int, quick: int = 1) -> int:
        """How often something is repeated."""
        return quick if self.quick else whole

    @asynccontextmanager
    async def engine(self, settings: Settings | None = None) -> AsyncIterator[Engine]:
        """The engine under test, ready, and ended afterwards."""
        async with running(engines.build(settings or self.settings, "supporter")) as engine:
            yield engine


Measure = Callable[[Bench], Awaitable[list[Line]]]


def settings_for(
    engine: EngineName, model: str, base_url: str, folder: Path, max_tokens: int = MAX_TOKENS
) -> Settings:
    """`model`: small, default, or a name that the engine knows.

    Scores alone are judged: left to itself the app adds reasons where the engine was measured to
    write fast enough, so that one run would have them and the next one not.
    """
    return Settings(
        engine=engine,
        model={SMALL: SMOLLM.name, "default": ""}.get(model, model) if not base_url else "",
        base_url=base_url,
        data_dir=folder / "data",
        context_tokens=CONTEXT.get(model, 4096),
        max_tokens=max_tokens,
        method=Scoring.DIRECT,
        turns_per_minute=100_000,
    )


def server_of(engine: Engine) -> str:
    """What was measured against, for the table."""
    return f"{engine.name}, {engine.model_name}"


async def seconds(work: Awaitable[object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def quantile(values: Sequence[float], part: float) -> float:
    """The value that `part` (0 to 1) of all are not above, between two where it falls there."""
    if not values:
        raise ValueError("no values")
    ranked = sorted(values)
    place = part * (len(ranked) - 1)
    low = int(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median against median: one disturbed trial on a shared machine decides nothing."""
    return statistics.median(ours) / statistics.median(theirs)


def paired(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Each trial against the one like it, and of that the median.

    For trials that differ among themselves, as the turns of a conversation that grows do.
    """
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def listed(values: Sequence[float], unit: str = "s") -> str:
    """Trials as the details show them."""
    return ", ".join(f"{value:.2f}" for value in values) + f" {unit}"


def scored(verdicts: Sequence[Verdict]) -> str:
    return f"{sum(one.scored for one in verdicts)} of {len(verdicts)} scored"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def fixed_server(*options: str) -> AsyncIterator[str]:
    """bench.fixed_server in a process of its own; gives its base URL."""
    port = free_port()
    command = (sys.executable, "-m", "bench.fixed_server", "--port", str(port), *options)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(READY_SECONDS):
            while not await _answers(http, f"{url}/models"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.HTTPError:
        return False
