"""The real models that some tests need: fetched once into the usual models folder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from chat.engines import fetching
from chat.engines.catalogue import SMOLLM
from chat.engines.gguf_folder import folder_of
from chat.settings import Settings


def small_model() -> Path:
    """The 135M model's file. Raises `EngineError` where it is neither there nor to be had."""
    return _fetched(lambda: fetching.fetch(SMOLLM, Settings().models_dir))


def default_model() -> Path:
    """The 1.5B model's file, the one that people get. Raises `EngineError` likewise."""
    return _fetched(lambda: fetching.fetch_default(Settings().models_dir))


def small_folder() -> Path:
    """The 135M model as safetensors, made of its file once and kept. Needs the extra `test`."""
    file = small_model()
    python = Path(sys.executable)
    return _fetched(lambda: folder_of(file, Settings().models_dir, python, lambda _: None))


def _fetched(fetch: Callable[[], Coroutine[Any, Any, Path]]) -> Path:
    """In a thread of its own: a browser test's thread has a running loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(fetch())).result()
