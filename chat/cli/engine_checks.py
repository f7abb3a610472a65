"""What doctor looks at of an engine: its model's file, whether it comes up, what it can do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from chat import engines
from chat.cli.findings import Finding, Level, of_error, ok, problem, warning
from chat.cli.people import size
from chat.engines import fetching
from chat.engines.base import Engine, Phase
from chat.engines.catalogue import CODER, QWEN
from chat.engines.scripted import NAME, NOT_A_JUDGE
from chat.settings import Settings
from perm.types import Capabilities, EngineError, PermError

PATIENCE: Final = 180.0
"""Seconds that an engine may take to come up before doctor stops waiting."""


def roles(settings: Settings) -> tuple[engines.Role, ...]:
    """The engines that the settings ask for; one where it serves both."""
    return ("supporter",) if settings.judge_is_supporter else ("supporter", "judge")


async def examine_engine(
    settings: Settings, role: engines.Role, *, quick: bool
) -> AsyncIterator[Finding]:
    """The model's file, where there is one, and the engine with what it can do."""
    about = "Engine" if settings.judge_is_supporter else f"Engine ({role})"
    try:
        engine = engines.build(settings, role)
    except PermError as error:
        yield of_error(about, error)
        return
    named = f"{engine.name}, {engine.model_name}"
    model = await _model(settings, engine, quick=quick)
    if model is not None:
        yield model
    if quick or (model is not None and model.level is not Level.OK):
        why = "--quick" if quick else "its model first"
        yield ok(about, f"{named} (not started: {why})")
        return
    async for finding in _started(engine, about, named):
        yield finding


async def _started(engine: Engine, about: str, named: str) -> AsyncIterator[Finding]:
    try:
        async with asyncio.timeout(PATIENCE):
            await engine.start()
            await engine.ready()
    except EngineError as error:
        yield of_error(about, error)
    except TimeoutError:
        what = f"{named} was not ready after {PATIENCE:.0f} s."
        yield problem(about, what, engine.state.todo)
    else:
        yield _up(about, f"{engine.name}, {engine.model_name}", engine)
        for finding in (*_servers(about, engine), *_offers(about, engine)):
            yield finding
        for finding in _capabilities(about, engine.capabilities):
            yield finding
    finally:
        await engine.stop()


async def _model(settings: Settings, engine: Engine, *, quick: bool) -> Finding | None:
    """The file that llama-cpp will load; None for an engine without one."""
    # Late: it brings the client of OpenAI's API along, which --help need not wait for.
    from chat.engines.llama_cpp import LlamaCppEngine  # noqa: PLC0415

    if not isinstance(engine, LlamaCppEngine):
        return None
    source = engine.source
    if isinstance(source, Path):
        return ok("Model", f"{source}, a file of your own")
    wanted = (QWEN, CODER) if source is None else (source,)
    here = [entry for entry in wanted if fetching.present(entry, settings.models_dir)]
    if not here:
        begun = fetching.part_of(wanted[0], settings.models_dir).size
        what = f"{wanted[0].name} is not here yet ({size(wanted[0].size or 0)}"
        what += f", of which {size(begun)} have come)." if begun else ")."
        todo = "perm-chat models pull fetches it, and so does the first start."
        return warning("Model", what, todo)
    if quick:
        return ok("Model", f"{here[0].name} is here (not compared: --quick)")
    found = await fetching.check(here[0], settings.models_dir)
    if found.ok:
        return ok("Model", f"{found.path}: SHA-256 as in the catalogue")
    what = f"{found.path} is not {here[0].name}: its SHA-256 differs."
    todo = "Remove it, then: perm-chat models pull"
    return problem("Model", what, todo)


def _up(about: str, named: str, engine: Engine) -> Finding:
    if engine.name == NAME:
        return warning(about, NOT_A_JUDGE, "Choose another with --engine.")
    return ok(about, f"{named} is ready")


def _servers(about: str, engine: Engine) -> Iterator[Finding]:
    """Where several addresses share the load: each of them, and what they do not all do alike."""
    from chat.engines.pool import PoolEngine  # noqa: PLC0415 - as above

    if not isinstance(engine, PoolEngine):
        return
    for number, one in enumerate(engine.engines, start=1):
        state, place = one.state, f"{about}, server {number}"
        if state.phase is Phase.READY:
            yield ok(place, state.detail)
        else:
            yield warning(place, f"{state.detail} The others take its calls.", state.todo)
    if unlike := engine.disagreements:
        yield warning(
            about,
            f"Its servers do not all do alike: {', '.join(unlike)}. The weakest counts.",
            "Serve the same model with the same program at each address.",
        )


def _offers(about: str, engine: Engine) -> Iterator[Finding]:
    """What can be chosen on the page, where there is more than one; the first is the default."""
    first, *others = engine.models
    if others:
        named = (f"{one.name} ({one.note})" if one.note else one.name for one in (first, *others))
        yield ok(
            about,
            f"It offers {_list(named)} A conversation gets {first.name} unless another is chosen.",
        )


def _capabilities(about: str, can: Capabilities) -> Iterator[Finding]:
    yield ok(about, "It gives " + _list(_gives(can)))
    missing = list(_lacks(can))
    if missing:
        yield ok(about, "It does not give " + _list(iter(missing)))
    yield ok(about, f"A judge's scores are {_asked(can)}.")
    if not can.logprobs:
        yield warning(
            about,
            "It gives no log-probabilities, so that scores cannot be read from them.",
            "Scores come with reasons instead, which takes longer: --method reasoned.",
        )


def _gives(can: Capabilities) -> Iterator[str]:
    if can.context_tokens:
        yield f"a context of {can.context_tokens:,} tokens"
    yield f"{can.parallel} answers at once" if can.parallel > 1 else "one answer at a time"
    if can.logprobs:
        yield f"the {can.top_logprobs} likeliest tokens with their log-probabilities"
    if can.assistant_prefix:
        yield "continuation of an unfinished answer"
    if can.structured_choice:
        yield "answers in a prescribed form (the schema is honoured)"
    if can.cached_tokens:
        yield "its cached tokens"
    if can.priority:
        yield "priorities (chat goes before judging)"
    if can.read_speed:
        yield f"reading at {can.read_speed:,.0f} tokens/s"
    if can.write_speed:
        yield f"writing at {can.write_speed:,.0f} tokens/s"


def _lacks(can: Capabilities) -> Iterator[str]:
    if not can.logprobs:
        yield "log-probabilities"
    if not can.assistant_prefix:
        yield "continuation of an unfinished answer"
    if can.schema_ignored:
        yield "answers in a prescribed form (it takes a schema and silently ignores it)"
    elif not can.structured_choice:
        yield "answers in a prescribed form (it refuses a schema)"
    if not can.cached_tokens:
        yield "its cached tokens"


def _asked(can: Capabilities) -> str:
    """How the direct method asks this engine, as `perm.judges` does."""
    read = "read from probabilities" if can.logprobs else "read as the digit that is written"
    if can.assistant_prefix:
        return f"asked for behind the beginning of an answer and {read}"
    if can.structured_choice:
        return f"asked for in a prescribed form and {read}"
    return f"asked for in plain words and {read}"


def _list(parts: Iterator[str]) -> str:
    return "; ".join(parts) + "."
