"""Many people at once: `python -m bench.load scripted`, `memory` or `model`.

scripted: 100 sessions of 5 turns, all begun at one moment, against the server with a fixed time a
token. memory: 2,000 turns, the app's memory after them against that after 200. model: 8 sessions
against the small real model. The figures go to docs/hardening.md (see CONTRIBUTING.md).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.harness import fixed_server, quantile
from bench.serving_app import ServedApp, served_app
from bench.sessions import Mixed, Session, all_at_once, mixed
from chat.engines.catalogue import SMOLLM
from tests.support.figures import Value, record

PACE: Final = 0.04
UNLIMITED: Final = ("--turns-per-minute", "100000", "--requests-per-minute", "0")
SETTLED: Final = 2.0
"""Seconds after which memory is read: what a turn still held is given back."""

MEMORY_LIMIT: Final = 1.10


@dataclass(frozen=True)
class Size:
    """`sessions` of `turns` turns; for memory, after `before` turns and after `after`."""

    sessions: int
    turns: int
    before: int = 0
    after: int = 0


SIZES: Final[Mapping[str, Size]] = {
    "scripted": Size(100, 5),
    "memory": Size(10, 5, before=200, after=2_000),
    "model": Size(8, 5),
}


@dataclass(frozen=True)
class Finding:
    """One figure: of which claim, what, and whether it is as it must be."""

    claim: str
    value: Value
    said: str
    holds: bool = True


async def scripted(folder: Path, size: Size) -> list[Finding]:
    async with fixed_server("--pace", str(PACE)) as engine:
        options = ("--engine", "openai", "--base-url", engine, "--method", "direct", *UNLIMITED)
        async with served_app(folder, *options) as app:
            await app.ready()
            sessions = await all_at_once(app.url, size.sessions, size.turns)
    first = [seconds for one in sessions for seconds in one.first_words]
    return findings("load", sessions, mixed(app.database, sessions), size, first)


async def model(folder: Path, size: Size) -> list[Finding]:
    options = ("--engine", "llama-cpp", "--model", SMOLLM.name, "--method", "direct")
    limits = ("--max-tokens", "48", "--context-tokens", "4096", *UNLIMITED)
    async with served_app(folder, *options, *limits) as app:
        await app.ready()
        sessions = await all_at_once(app.url, size.sessions, size.turns)
    first = [seconds for one in sessions for seconds in one.first_tokens]
    return findings("load.model", sessions, mixed(app.database, sessions), size, first)


async def memory(folder: Path, size: Size) -> list[Finding]:
    quick = ("--pace", "0", "--judge-seconds", "0", "--analysis", "6", "--response", "12")
    async with fixed_server(*quick) as engine:
        options = ("--engine", "openai", "--base-url", engine, "--method", "direct", *UNLIMITED)
        async with served_app(folder, *options) as app:
            await app.ready()
            read: dict[int, float] = {}
            done = 0
            while done < size.after:
                sessions = await all_at_once(app.url, size.sessions, size.turns)
                if errors := [error for one in sessions for error in one.errors]:
                    raise RuntimeError(f"a turn failed: {errors[0]}")
                done += size.sessions * size.turns
                if done in (size.before, size.after):
                    read[done] = await _memory(app)
                    print(f"{done} turns: {read[done]:.1f} MiB", file=sys.stderr, flush=True)
    more = read[size.after] / read[size.before]
    said = (
        f"% more memory after {size.after:,} turns than after {size.before:,} "
        f"({read[size.before]:.0f} and {read[size.after]:.0f} MiB)"
    )
    return [Finding("load.memory", round(100 * (more - 1), 1), said, more <= MEMORY_LIMIT)]


async def _memory(app: ServedApp) -> float:
    """MiB that the app's process holds, once it has come to rest."""
    await asyncio.sleep(SETTLED)
    status = Path(f"/proc/{app.pid}/status").read_text("ascii")  # noqa: ASYNC240 - no disk
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def findings(
    prefix: str, sessions: Sequence[Session], found: Mixed, size: Size, first: Sequence[float]
) -> list[Finding]:
    """What many sessions at once are looked at for. `first`: seconds to each first token."""
    errors = [error for one in sessions for error in one.errors]
    turns = sum(len(one.seconds) for one in sessions)
    asked = size.sessions * size.turns
    whole = [sum(one.seconds) for one in sessions if one.seconds]
    fairness = max(whole) / statistics.median(whole)
    if errors:
        print(f"errors: {sorted(set(errors))}", file=sys.stderr)
    return [
        Finding(
            f"{prefix}.errors",
            len(errors) + asked - turns,
            f"errors in {turns} turns of {size.sessions} sessions at once",
            not errors and turns == asked,
        ),
        Finding(
            f"{prefix}.mixed",
            found.foreign,
            f"of {found.rows:,} rows, and of all that was streamed, with another's canary"
            + (f" ({found.invented} with one that nobody has)" if found.invented else ""),
            not found.foreign and not found.without,
        ),
        Finding(
            f"{prefix}.fairness",
            round(fairness, 2),
            f"slowest session over the median one ({max(whole):.1f} and "
            f"{statistics.median(whole):.1f} s for {size.turns} turns)",
        ),
        Finding(
            f"{prefix}.first-token",
            "p50, p95, p99:",
            ", ".join(f"{quantile(first, part):.2f} s" for part in (0.5, 0.95, 0.99)),
        ),
    ]


PARTS: Final[Mapping[str, Callable[[Path, Size], Coroutine[None, None, list[Finding]]]]] = {
    "scripted": scripted,
    "memory": memory,
    "model": model,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--sessions", type=int, help="fewer or more; then nothing is recorded")
    parser.add_argument("--turns", type=int, help="likewise")
    told = parser.parse_args()
    usual = SIZES[told.part]
    size = Size(
        told.sessions or usual.sessions, told.turns or usual.turns, usual.before, usual.after
    )
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(PARTS[told.part](Path(folder), size))
    for one in found:
        print(f"{one.claim}: {one.value} {one.said}{'' if one.holds else '  (must not be)'}")
        if size == usual and one.holds:
            record(one.claim, one.value, one.said, by=f"python -m bench.load {told.part}")
    if not all(one.holds for one in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
