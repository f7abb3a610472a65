"""File systems of a few MiB, so that a disk can really be full."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A file system of that size at `folder`; the test is skipped where nothing can be mounted."""
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mounting, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here: it needs the rights of root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    with mounted(tmp_path / "small", "1m") as folder:
        yield folder


def ballast_of(disk: Path) -> Path:
    return disk / "ballast"


def fill(disk: Path, leave: int = 0) -> None:
    """Until not another byte fits, but for `leave` bytes."""
    with contextlib.suppress(OSError), ballast_of(disk).open("wb", buffering=0) as ballast:
        while ballast.write(bytes(1024)):
            pass
    with ballast_of(disk).open("rb+") as ballast:
        ballast.truncate(max(0, ballast_of(disk).stat().st_size - leave))
