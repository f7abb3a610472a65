"""`make run`: serves with vLLM where an NVIDIA GPU can hold the model, else on the processor.

Standard library only, as scripts/vllm_environment.py. Nothing large is fetched before it was said
what, how large, and how to refuse. Whoever names an engine or an address decides for themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from vllm_environment import FOLDER, GPU, ROOT, Build, BuildError, run, say

NEED_GB: Final = 20
"""GPU memory for a 7B model in bfloat16 (15.2 GB) with room for conversations."""

MODEL: Final = "Qwen2.5-7B-Instruct (15.2 GB, or the tuned PERM model where its file is whole)"
THINK_SECONDS: Final = 10
"""What somebody at a terminal has to say no before gigabytes are fetched."""

DECIDED: Final = ("engine", "base-url", "config")
REFUSE: Final = "To use the processor instead: make run ARGS='--engine llama-cpp'"


class Gpu(NamedTuple):
    """A GPU as its driver names it."""

    name: str
    gb: float


def gpus() -> list[Gpu]:
    """What the NVIDIA driver answers; nothing where there is none."""
    asked = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
    try:
        told = run("nvidia-smi", *asked, seconds=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = []
    for line in told.stdout.splitlines() if told.returncode == 0 else []:
        name, _, mib = line.rpartition(",")
        if mib.strip().isdecimal():
            found.append(Gpu(name.strip(), int(mib) * 2**20 / 1e9))
    return found


def decided(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> bool:
    """Whether the person has said how to serve: by flag, by variable, in the settings file."""
    flags = {word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")}
    variables = {f"PERM_CHAT_{name.upper().replace('-', '_')}" for name in DECIDED}
    if flags.intersection((*DECIDED, "help")) or variables.intersection(environment):
        return True
    try:
        settings = tomllib.loads((folder / "perm-chat.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return any(name.replace("-", "_") in settings for name in DECIDED)


def use_vllm(found: Sequence[Gpu], words: Sequence[str], build: Build) -> bool:
    """Say what will be done, and do it; False where the processor serves after all."""
    best = max(found, key=lambda gpu: gpu.gb)
    if best.gb < NEED_GB:
        say(
            f"{best.name} has {best.gb:.0f} GB; the 7B model wants {NEED_GB} GB. The processor "
            "serves. For a smaller model on the GPU: make gpu ARGS='--model NAME'"
        )
        return False
    named = any(word.partition("=")[0] == "--model" for word in words)
    model = "the model that you named" if named else MODEL
    say(f"{best.name} ({best.gb:.0f} GB) was found, so vLLM serves {model}.")
    if not build.complete:
        say(f"vLLM is fetched first, once: about {build.recipe.download_mb:,} MB.")
    say(f"What is not here yet is fetched once. {REFUSE}")
    if sys.stdin.isatty() and not build.complete:
        say(f"It begins in {THINK_SECONDS} seconds; Ctrl-C ends it.")
        time.sleep(THINK_SECONDS)
    try:
        if not build.complete:
            build.run()
    except BuildError as error:
        say(f"{error} The processor serves for now.")
        return False
    return True


def main() -> int:
    """Choose, then become the app."""
    words = sys.argv[1:]
    try:
        found = [] if decided(words, os.environ, Path.cwd()) else gpus()
        if found and use_vllm(found, words, Build(GPU, FOLDER)):
            words = ["--engine", "vllm", *words]
    except KeyboardInterrupt:
        say("Nothing was started.")
        return 130
    sys.stdout.flush()
    return os.execv(sys.executable, [sys.executable, str(ROOT / "app.py"), *words])  # noqa: S606


if __name__ == "__main__":
    raise SystemExit(main())
