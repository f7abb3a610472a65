"""`make run`: what it says and chooses where a GPU is found. The driver is a stand-in."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chat.settings import ROOT

pytestmark = pytest.mark.unit

LARGE, SMALL = "NVIDIA H100 80GB HBM3, 81559", "NVIDIA GeForce RTX 3060, 12288"


def loaded() -> ModuleType:
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("run_script", ROOT / "scripts" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    sys.path.remove(str(ROOT / "scripts"))
    return module


script = loaded()


class Machine:
    """A machine with some GPUs, and what came of `make run` on it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, patch
        self.built: list[str] = []
        self.became: list[str] = []
        self.complete = False
        self.failure = ""
        patch.chdir(folder)
        patch.setattr(script.os, "execv", self._become)
        patch.setattr(script.Build, "complete", property(lambda _: self.complete))
        patch.setattr(script.Build, "run", property(lambda build: partial(self._build, build)))
        for name in list(os.environ):
            if name.startswith("PERM_CHAT_"):
                patch.delenv(name)

    def _become(self, _: str, words: list[str]) -> int:
        self.became += words[2:]
        return 0

    def _build(self, build: Any) -> None:
        self.built.append(build.recipe.device)
        if self.failure:
            raise script.BuildError(self.failure)

    def has(self, *gpus: str) -> None:
        program = self.folder / "bin" / "nvidia-smi"
        program.parent.mkdir()
        lines = "\n".join(f"echo '{gpu}'" for gpu in gpus)
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self._patch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def run(self, *words: str) -> list[str]:
        self._patch.setattr(sys, "argv", ["run.py", *words])
        assert script.main() == 0
        return self.became


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_without_a_gpu_the_processor_serves_in_silence(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine.folder))
    assert machine.run("--port", "9000") == ["--port", "9000"]
    assert capsys.readouterr().out == ""


def test_a_gpu_means_vllm_and_its_size_and_the_way_out_are_said_first(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has(SMALL, LARGE)
    assert machine.run("--port", "9000") == ["--engine", "vllm", "--port", "9000"]
    assert machine.built == ["cuda"]
    said = capsys.readouterr().out
    for words in ("NVIDIA H100", "15.2 GB", "5,000 MB", "--engine llama-cpp"):
        assert words in said


def test_what_is_here_is_not_built_again(machine: Machine) -> None:
    machine.has(LARGE)
    machine.complete = True
    assert machine.run() == ["--engine", "vllm"]
    assert machine.built == []


def test_a_gpu_that_is_too_small_is_left_alone(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has(SMALL)
    assert machine.run() == []
    assert "The processor serves" in capsys.readouterr().out


def test_where_vllm_cannot_be_built_the_page_comes_up_all_the_same(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has(LARGE)
    machine.failure = "Building it needs 17,000 MB of disk, and 4,000 MB are free."
    assert machine.run() == []
    assert "17,000 MB of disk" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [("--engine", "llama-cpp"), ("--engine=scripted",), ("--base-url", "http://x/v1"), ("--help",)],
)
def test_whoever_decided_is_not_asked(machine: Machine, words: tuple[str, ...]) -> None:
    machine.has(LARGE)
    assert machine.run(*words) == list(words)
    assert machine.built == []


def test_variables_and_the_settings_file_decide_too(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has(LARGE)
    monkeypatch.setenv("PERM_CHAT_ENGINE", "scripted")
    assert machine.run() == []
    monkeypatch.delenv("PERM_CHAT_ENGINE")
    (machine.folder / "perm-chat.toml").write_text('engine = "openai"\n')
    assert machine.run() == []
    assert machine.built == []
