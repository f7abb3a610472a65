"""`perm-chat score` against the server's own throughput.

The same requests are sent straight to the server, by a bare HTTP client, at every concurrency of a
list; the best of them is what the server can do. Then `score` judges the records as it does by
default, and finds its own concurrency.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx

from bench import texts
from bench.harness import Bench, Line, fixed_server, seconds, server_of, settings_for
from bench.judging import judge_of
from chat.engines.base import Engine
from chat.engines.scripted_model import ScriptedChatModel
from chat.scoring import OutFile, Record, Scorer, ScoreRun, Seats, Summary
from chat.settings import EngineName
from perm.judges import Judge
from perm.types import Method, Perspective

LIMIT: Final = 0.85
RECORDS: Final = 200
REAL_RECORDS: Final = 16
SEATS: Final = "16"
SECONDS: Final = "0.25"
"""The scripted server answers 64 judge calls a second, 16 at once."""

CONCURRENCIES: Final = (8, 16, 32, 64)
REAL_CONCURRENCIES: Final = (1, 5, 8)


async def measure(bench: Bench) -> list[Line]:
    async with fixed_server("--seats", SEATS, "--judge-seconds", SECONDS) as url:
        settings = settings_for(EngineName.OPENAI, "", url, bench.folder)
        async with bench.engine(settings) as engine:
            count = bench.times(RECORDS, 60)
            lines = [await _share(bench, engine, count, CONCURRENCIES, "scripted")]
    async with bench.engine() as engine:
        count = bench.times(REAL_RECORDS, 6)
        name = server_of(engine)
        lines.append(await _share(bench, engine, count, REAL_CONCURRENCIES, name))
    return lines


async def _share(
    bench: Bench,
    engine: Engine,
    count: int,
    concurrencies: Sequence[int],
    server: str,
) -> Line:
    rates = {}
    await _straight(engine, await _requests(bench, engine, records("first", 2)), 1)  # rubrics read
    for calls in concurrencies:
        # Records of its own for each, so that no answer comes from a cache.
        bodies = await _requests(bench, engine, records(f"at {calls}", count))
        rates[calls] = len(bodies) / await _straight(engine, bodies, calls)
    best = max(rates, key=rates.__getitem__)
    began = time.perf_counter()
    summary = await _scored(bench, engine, records("score", count))
    rate = len(Perspective) * summary.judged / (time.perf_counter() - began)
    told = ", ".join(f"{rate:.1f} at {calls}" for calls, rate in rates.items())
    return Line(
        f"`perm-chat score` of {count} records, judge calls a second",
        f"the same requests straight to the server, at the best concurrency ({best})",
        rate / rates[best],
        limit=LIMIT,
        at_least=True,
        server=server,
        detail=f"score: {rate:.1f}; straight: {told}",
    )


def records(name: str, count: int) -> list[dict[str, Any]]:
    """Records of one length, all different."""
    return [
        {
            "persona": f"{texts.PERSONA} Number {number}, {name}.",
            "scenario": texts.SCENARIO,
            "dialogue": [texts.message(number)],
            "analysis": texts.analysis(number),
            "response": texts.response(number),
        }
        for number in range(count)
    ]


async def _requests(
    bench: Bench, engine: Engine, found: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The bodies that the app's judge would send for these records, in its order."""
    listener = ScriptedChatModel(lambda _: "3")
    judge = Judge(listener, engine.model_name, engine.capabilities, bench.rubrics)
    bodies = []
    for one in found:
        record = Record.model_validate(one)
        for perspective in Perspective:
            await judge.judge(perspective, record.contexts[perspective], Method.DIRECT)
            call = listener.calls[-1]
            body = engine.chat_model._get_request_payload(  # type: ignore[attr-defined]
                list(call.messages), stop=list(call.stop) or None, **call.options
            )
            bodies.append({**body, **body.pop("extra_body", {}), "stream": False})
    return bodies


async def _straight(engine: Engine, bodies: Sequence[dict[str, Any]], calls: int) -> float:
    """Seconds that the server takes for these requests, so many at once, by a bare client."""
    client = engine.chat_model.root_async_client  # type: ignore[attr-defined]
    key = engine.chat_model._place.key  # type: ignore[attr-defined]
    waiting: Iterator[dict[str, Any]] = iter(bodies)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=calls)
    async with httpx.AsyncClient(
        base_url=str(client.base_url),
        headers={"authorization": f"Bearer {key}"} if key else {},
        timeout=None,
        trust_env=False,
        limits=limits,
    ) as http:

        async def send() -> None:
            for body in waiting:
                (await http.post("chat/completions", json=body)).raise_for_status()

        return await seconds(asyncio.gather(*(send() for _ in range(calls))))


async def _scored(bench: Bench, engine: Engine, found: Sequence[dict[str, Any]]) -> Summary:
    """What `perm-chat score` does once its judge is ready."""
    source, out = bench.folder / f"{engine.name}.jsonl", bench.folder / f"{engine.name}-out.jsonl"
    source.write_text("".join(f"{json.dumps(one)}\n" for one in found), "utf-8")
    out.unlink(missing_ok=True)
    seats = Seats(max(len(Perspective), engine.capabilities.parallel))
    judge = judge_of(engine, bench.rubrics)
    scorer = Scorer(judge, Method.DIRECT, bench.settings.reward, seats)
    run = ScoreRun(scorer, OutFile(out, {"bench": "score"}), _Silent(), seats.most)
    return await run.run(source)


class _Silent:
    def advanced(self) -> None:
        pass

    def bad_line(self, number: int, why: str) -> None:
        raise RuntimeError(f"record {number} of the bench is bad: {why}")
