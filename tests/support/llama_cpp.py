"""A real llama.cpp, for as long as a test needs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chat.engines.llama_cpp import LlamaCppEngine
from tests.support.models import small_model


def llama_cpp(
    folder: Path, context: int = 4096, *, model: Path | None = None, prompts: str = ""
) -> LlamaCppEngine:
    """Not started yet; its files lie in `folder`. `model`: another than the small one."""
    return LlamaCppEngine(
        str(model or small_model()),
        models_dir=folder,
        log_file=folder / "llama-cpp.log",
        context_tokens=context,
        threads=0,
        prompts=prompts,
    )


@asynccontextmanager
async def running(engine: LlamaCppEngine) -> AsyncIterator[LlamaCppEngine]:
    """Started and ready, and ended at the end."""
    await engine.start()
    try:
        await engine.ready()
        yield engine
    finally:
        await engine.stop()
