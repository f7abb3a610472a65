"""Who is alive in a process group, and what they hold in shared memory, as Linux's /proc tells.

Elsewhere there is no /proc, and nothing is found.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROCESSES: Final = Path("/proc")
SHARED: Final = "/dev/shm/"  # noqa: S108 - where the kernel keeps it; nothing is made there
ZOMBIE: Final = "Z"


def members(group: int) -> list[int]:
    """The processes of that group that are alive."""
    return [int(place.name) for place in PROCESSES.glob("[0-9]*") if _belongs(place, group)]


def shared_memory(group: int) -> set[Path]:
    """The files in shared memory that processes of that group have mapped.

    Processes that are killed leave them there: with vLLM some 400 MB each time, for good.
    """
    found: set[Path] = set()
    for process in members(group):
        try:
            lines = (PROCESSES / str(process) / "maps").read_text("utf-8", "replace").splitlines()
        except OSError:  # it ended meanwhile
            continue
        found.update(Path(line[line.index(SHARED) :]) for line in lines if SHARED in line)
    return {path for path in found if path.exists()}


def remove(paths: set[Path]) -> None:
    """Remove what is still there. Never raises."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue


def _belongs(place: Path, group: int) -> bool:
    try:
        told = (place / "stat").read_text("utf-8", "replace")
    except OSError:  # it ended meanwhile
        return False
    state, _, of = told.rsplit(")", 1)[1].split()[:3]  # the name before may hold anything
    return state != ZOMBIE and int(of) == group
