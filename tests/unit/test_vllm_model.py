"""Which model vLLM serves: what the settings name, what is refused, what stands in for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat import engines
from chat.engines import fetching, vllm_model
from chat.engines.catalogue import PERM_7B, QWEN_7B, SMOLLM, Hub
from chat.engines.vllm import RunningVllmEngine, VllmEngine
from chat.engines.vllm_model import servable, source_of
from chat.settings import EngineName, Settings, SettingsError
from perm.checkpoint import CheckpointError, CheckpointReport, Code, Problem
from perm.types import EngineError, EngineFault
from tests.support.vllm_plans import CPU, GPU

pytestmark = pytest.mark.unit


def silent(detail: str, progress: float | None) -> None:
    """Nobody listens."""


def test_what_the_setting_names(tmp_path: Path) -> None:
    gguf = tmp_path / "m.gguf"
    gguf.write_bytes(b"GGUF....")
    assert source_of("") is None
    assert source_of(str(tmp_path)) == tmp_path
    assert source_of(str(gguf)) == gguf
    assert source_of("Qwen/Qwen2.5-7B-Instruct") == Hub(repo="Qwen/Qwen2.5-7B-Instruct")
    assert source_of(SMOLLM.name) == SMOLLM
    for wrong in ("/not/there", "./not-there", "no-such-model", str(tmp_path / "absent.gguf")):
        with pytest.raises(SettingsError):
            source_of(wrong)


def report_of(code: Code | None) -> CheckpointReport:
    problems = () if code is None else (Problem(code=code, what=f"It is {code}.", todo="Do."),)
    return CheckpointReport(source="x", ok=not problems, problems=problems, revision="commit")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, CheckpointReport]:
    """What the hub's repositories turn out to be; nothing was fetched before."""
    reports: dict[str, CheckpointReport] = {}

    async def examine(source: str | Path, *, revision: str | None = None) -> CheckpointReport:
        return reports[str(source)]

    monkeypatch.setattr(vllm_model, "examine", examine)
    monkeypatch.setattr(vllm_model, "_copy_of", lambda _: None)
    return reports


async def test_a_gpus_default_is_the_tuned_model_where_it_is_whole(
    hub: dict[str, CheckpointReport], tmp_path: Path
) -> None:
    hub["Zwwwwwq/PERM-Qwen2.5-7B-Instruct"] = report_of(None)
    found = await servable(None, tmp_path, GPU, silent)
    assert (found.name, found.revision, found.note) == (PERM_7B.name, "commit", "")


async def test_where_it_is_hollow_the_backbone_is_served_and_that_is_said(
    hub: dict[str, CheckpointReport], tmp_path: Path
) -> None:
    hub["Zwwwwwq/PERM-Qwen2.5-7B-Instruct"] = report_of(Code.HOLLOW)
    hub["Qwen/Qwen2.5-7B-Instruct"] = report_of(None)
    found = await servable(None, tmp_path, GPU, silent)
    assert found.name == QWEN_7B.name
    assert "not the tuned model: It is hollow." in found.note


async def test_asked_for_by_name_a_hollow_model_is_refused(
    hub: dict[str, CheckpointReport], tmp_path: Path
) -> None:
    hub["Zwwwwwq/PERM-Qwen2.5-7B-Instruct"] = report_of(Code.HOLLOW)
    with pytest.raises(CheckpointError, match="It is hollow"):
        await servable(PERM_7B, tmp_path, GPU, silent)


async def test_a_hub_out_of_reach_is_tried_again_unless_a_copy_is_here(
    hub: dict[str, CheckpointReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub["Qwen/Qwen2.5-7B-Instruct"] = report_of(Code.UNREACHABLE)
    with pytest.raises(EngineError) as failed:
        await servable(QWEN_7B, tmp_path, GPU, silent)
    assert failed.value.fault is EngineFault.UNREACHABLE
    monkeypatch.setattr(vllm_model, "_copy_of", lambda _: tmp_path)
    hub[str(tmp_path)] = report_of(None)
    found = await servable(QWEN_7B, tmp_path, GPU, silent)
    assert (found.place, found.local) == (str(tmp_path), True)
    assert "Qwen/Qwen2.5-7B-Instruct" in found.also


async def test_a_gguf_file_of_the_catalogue_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(entry: object, models_dir: Path, on_progress: object) -> Path:
        return models_dir / "small.gguf"

    async def folder_of(file: Path, models_dir: Path, python: Path, told: object) -> Path:
        assert python == CPU.python
        return models_dir / f"{file.stem}-safetensors"

    monkeypatch.setattr(fetching, "fetch", fetch)
    monkeypatch.setattr(vllm_model, "folder_of", folder_of)
    found = await servable(SMOLLM, tmp_path, CPU, silent)
    assert (found.name, found.place) == (SMOLLM.name, str(tmp_path / "small-safetensors"))


def test_the_settings_choose_it(tmp_path: Path) -> None:
    own = Settings(engine=EngineName.VLLM, model=str(tmp_path), vllm_options="--seed 1")
    engine = engines.build(own, "supporter")
    assert isinstance(engine, VllmEngine)
    assert engine.model_name == tmp_path.name
    there = Settings(engine=EngineName.VLLM, base_url="http://127.0.0.1:9/v1", model="m")
    assert isinstance(engines.build(there, "supporter"), RunningVllmEngine)
