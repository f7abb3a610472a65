"""The table: printed as it grows, and written to RESULTS.md with machine and versions."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from bench.harness import Line

HEAD: Final = (
    "| what | measured against | server | figure | must reach | holds |",
    "| --- | --- | --- | --- | --- | --- |",
)
PACKAGES: Final = ("gradio", "langchain-openai", "openai", "xllamacpp", "vllm", "transformers")


def row(line: Line) -> str:
    """One line as a row of the table."""
    cells = (line.what, line.against, line.server, figure(line), limit(line), holds(line))
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def figure(line: Line) -> str:
    if line.figure is None:
        return f"not shown: {line.missing}"
    digits = 0 if line.unit == "ms" else 2
    return f"{line.figure:.{digits}f} {line.unit}".strip()


def limit(line: Line) -> str:
    if line.limit is None:
        return ""
    return f"{'at least' if line.at_least else 'at most'} {line.limit:g} {line.unit}".strip()


def holds(line: Line) -> str:
    return {True: "yes", False: "**no**", None: ""}[line.holds]


def written(lines: Sequence[Line], command: str, failures: Sequence[str] = ()) -> str:
    """RESULTS.md as a whole."""
    details = [f"- *{line.what}* ({line.server}): {line.detail}." for line in lines if line.detail]
    parts = [
        "# Results",
        f"Written by `{command}` on {datetime.now(UTC):%d %B %Y, %H:%M} UTC. Ratios come from one "
        "run in which the variants take turns; absolute figures are this machine's.",
        *machine(),
        "\n".join([*HEAD, *map(row, lines)]),
        "## The figures behind it",
        "\n".join(details),
    ]
    if failures:
        parts += ["## Not measured", "\n".join(f"- {failure}" for failure in failures)]
    return "\n\n".join(parts) + "\n"


def machine() -> list[str]:
    """Where it was measured, and with what."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    return [
        f"- Machine: {_processor()}, {cores} cores, {_memory()} GiB of memory, {_gpu()}\n"
        f"- {platform.system()} {platform.release()}, Python {platform.python_version()}\n"
        f"- {packages}\n- perm-chat at commit {_commit()}"
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    return next(names, platform.machine())


def _memory() -> str:
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f}"


def _gpu() -> str:
    found = _said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return found.splitlines()[0] if found else "no GPU"


def _commit() -> str:
    changed = _said("git", "status", "--porcelain", "--untracked-files=no")
    return (_said("git", "rev-parse", "--short", "HEAD") or "unknown") + (
        " with changes" if changed else ""
    )


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
