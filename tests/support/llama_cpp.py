"""A real llama.cpp with a small model, as tests need it."""

from __future__ import annotations

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
