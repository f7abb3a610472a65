"""One real vLLM for all tests here, started by the app's own services as for the page.

On two cores without a GPU a start takes more than a minute and a half. The files run in the order
of their names; the last tests of the last one end it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chat.engines.gguf_folder import folder_of
from chat.engines.lora import FOLDER
from chat.engines.vllm import VllmEngine
from chat.engines.vllm_environment import environment_in
from chat.services import Services
from chat.settings import EngineName, Scoring, Settings
from perm.types import EngineError
from tests.support.lora import write_noisy_adapter
from tests.support.models import small_model

ADAPTER = "noisy"


def missing() -> str:
    """Why there is no vLLM here; empty where there is one."""
    if sys.platform != "linux":
        return "vLLM's CPU build is for Linux"
    try:
        environment_in()
    except EngineError as error:
        return str(error)
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = missing()
    here = Path(__file__).parent
    for item in items:
        if why and here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=why))


def report(text: str) -> None:
    """A measured figure; shown with `pytest -s`."""
    sys.stdout.write(f"\n[vllm] {text}\n")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def services(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Services]:
    """The small model and an adapter for it. The unpacked model is kept for the next run."""
    home = tmp_path_factory.mktemp("vllm")
    place = environment_in()
    folder = await folder_of(small_model(), Settings().models_dir, place.python, lambda _: None)
    write_noisy_adapter(home / "models" / FOLDER / ADAPTER, folder, folder.name)
    settings = Settings(
        engine=EngineName.VLLM,
        model=str(folder),
        models_dir=home / "models",
        data_dir=home / "data",
        context_tokens=4096,
        max_tokens=32,
        method=Scoring.DIRECT,
    )
    began = time.monotonic()
    started = await Services.start(settings)
    try:
        await started.supporter.ready()
        speed = started.supporter.capabilities
        report(
            f"up in {time.monotonic() - began:.0f} s; reads {speed.read_speed or 0:.0f}, "
            f"writes {speed.write_speed or 0:.0f} tokens/s"
        )
        yield started
    finally:
        await started.stop()


@pytest.fixture
def engine(services: Services) -> VllmEngine:
    assert isinstance(services.supporter, VllmEngine)
    return services.supporter


@pytest.fixture
def address(engine: VllmEngine) -> tuple[str, str]:
    """Where it listens, with `/v1`, and its key: as for a vLLM that somebody else started."""
    return str(engine.chat_model.openai_api_base), engine.chat_model._place.key
