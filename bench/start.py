"""Start to page, and start to the first token of a first reply."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

import httpx
from langchain_core.messages import HumanMessage, SystemMessage

from bench import texts
from bench.harness import Bench, Line, listed, ratio, seconds, server_of
from bench.serving_app import served_app
from chat.engines.base import Engine
from chat.settings import Settings

BARE: Final = "import gradio, langchain_openai, sqlalchemy"
"""What the page cannot do without, loaded by itself."""


async def measure(bench: Bench) -> list[Line]:
    pages, loaded, tokens, alone = [], [], [], []
    server = ""
    for number in range(bench.times(3)):
        loaded.append(await seconds(_import()))
        folder = bench.folder / f"start-{number}"
        async with served_app(folder, *options_for(bench.settings)) as app:
            pages.append(await app.page())
            tokens.append(await _first_token(app.url, app.started))
        began = time.monotonic()
        async with bench.engine() as engine:
            server = server_of(engine)
            await _word(engine, bench)
            alone.append(time.monotonic() - began)
    return [
        Line(
            "start to page",
            f"`python -c '{BARE}'`",
            ratio(pages, loaded),
            server=server,
            detail=f"page: {listed(pages)}; libraries alone: {listed(loaded)}",
        ),
        Line(
            "start to first token of a first reply",
            "the engine by itself: started, found out, and asked the same",
            ratio(tokens, alone),
            server=server,
            detail=f"app: {listed(tokens)}; engine alone: {listed(alone)}",
        ),
    ]


def options_for(settings: Settings) -> tuple[str, ...]:
    """The settings under test as the command's options."""
    told = {
        "--engine": settings.engine.value,
        "--model": settings.model,
        "--base-url": settings.base_url,
        "--context-tokens": str(settings.context_tokens),
    }
    return tuple(part for name, value in told.items() if value for part in (name, value))


async def _import() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", BARE)
    await process.wait()


async def _first_token(url: str, started: float) -> float:
    """Seconds from the app's start to the first word of a turn that was sent at once.

    As the app's own clock tells it: of a small model that writes no headings no word is shown
    before the reply is over.
    """
    body = {"persona": texts.PERSONA, "scenario": texts.SCENARIO, "message": texts.message(1)}
    sent = time.monotonic() - started
    async with (
        httpx.AsyncClient(timeout=None, trust_env=False) as http,
        http.stream("POST", f"{url}/api/turns", json=body) as answer,
    ):
        async for line in answer.aiter_lines():
            if not line.startswith("data:"):
                continue
            event = json.loads(line.removeprefix("data:"))
            if event["event"] == "reply_done":
                return sent + float(event["timings"]["first_token"])
    raise RuntimeError("the first turn had no word")


async def _word(engine: Engine, bench: Bench) -> None:
    """The first token of the same prompt, without the app."""
    prompt = bench.rubrics.supporter
    framed = prompt.frame(texts.PERSONA, texts.SCENARIO, texts.message(1))
    messages = [SystemMessage(prompt.system), HumanMessage(framed)]
    async for chunk in engine.chat_model.astream(messages, max_tokens=16):
        if chunk.text:
            return
