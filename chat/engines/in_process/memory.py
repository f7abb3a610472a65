"""How much memory there is for a model, and for what it has computed before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import torch

KEPT_ON_CPU: Final = 2 * 2**30
"""Bytes of prefixes that are kept at most where there is no GPU."""

KEPT_SHARE: Final = 0.5
"""The part of a GPU's memory, once the model is loaded, that prefixes may take."""

_MEMINFO: Final = Path("/proc/meminfo")


def free_bytes(device: str) -> int | None:
    """Bytes that can be had; None where the system does not tell."""
    if device == "cuda":
        free: int = torch.cuda.mem_get_info()[0]
        return free
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", _MEMINFO.read_text("ascii"))
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def kept_bytes(device: str) -> int:
    """Bytes that kept prefixes may take, asked once the model is loaded."""
    free = free_bytes(device)
    if device == "cuda":
        return int((free or 0) * KEPT_SHARE)
    return min(KEPT_ON_CPU, (free or KEPT_ON_CPU) // 4)


def ran_out(error: BaseException) -> bool:
    """Whether that is torch's or Python's way to say that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "not enough memory" in str(error)
