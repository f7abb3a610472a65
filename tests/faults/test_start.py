"""What keeps the app from starting, or from its model: one clear line, and what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from chat.engines import fetching
from chat.engines.catalogue import SMOLLM
from perm.types import EngineError, EngineFault
from tests.conftest import Figures
from tests.support.app import ROOT, free_port, running_app
from tests.support.damage import DAMAGE, made
from tests.support.disks import ballast_of, fill, mounted, small_disk
from tests.support.fleet import until
from tests.support.small_hub import CONTENT, HubServer, hub_server, on_hub

__all__ = ["hub_server", "small_disk"]

pytestmark = pytest.mark.faults

NOWHERE: Final = "http://127.0.0.1:9"


def started(home: Path, *options: str) -> tuple[int, str]:
    """The app's exit status and all it printed; it must end by itself."""
    command = [sys.executable, str(ROOT / "app.py"), "--engine", "scripted", *options]
    own = {key: value for key, value in os.environ.items() if "PERM_CHAT" not in key}
    done = subprocess.run(
        command, cwd=home, env=own, capture_output=True, text=True, timeout=120, check=False
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return done.returncode, " ".join(said.split())


async def test_a_damaged_database_is_refused_by_the_app(tmp_path: Path, figure: Figures) -> None:
    sound = await made(tmp_path / "sound.db")
    silent = []
    for number, (name, damage) in enumerate(DAMAGE.items()):
        path = tmp_path / str(number) / "perm-chat.db"
        path.parent.mkdir()
        path.write_bytes(damage(sound))
        before, moment = path.read_bytes(), path.stat().st_mtime_ns
        status, said = started(tmp_path, "--data-dir", str(path.parent), "--port", str(free_port()))
        assert path.read_bytes() == before
        assert path.stat().st_mtime_ns == moment
        others = [one for one in path.parent.iterdir() if one != path and "-shm" not in one.name]
        assert sum(one.stat().st_size for one in others) == 0, "nothing was written beside it"
        if status == 0 or "put a backup copy there" not in said:
            silent.append(name)
    assert silent == []
    figure(
        "faults.damaged",
        len(silent),
        f"silent starts with {len(DAMAGE)} kinds of damage; each file left byte for byte",
    )


def test_a_port_in_use_is_one_clear_line(tmp_path: Path, figure: Figures) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, said = started(tmp_path, "--data-dir", str(tmp_path), "--port", str(port))
    assert status > 0
    assert f"Port {port} on 127.0.0.1 cannot be used" in said
    assert "--port" in said
    assert list(tmp_path.iterdir()) == [], "nothing was begun"
    figure("faults.port", f"exit status {status},", f'said: "{said}"')


def test_without_a_network_the_app_starts_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figures
) -> None:
    for name in ("HF_ENDPOINT", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    options = ("--engine", "llama-cpp", "--models-dir", str(tmp_path / "none"))
    with running_app(tmp_path / "home", *options) as app:

        def told() -> dict[str, Any]:
            engine: dict[str, Any] = httpx.get(f"{app.url}/healthz").json()["engine"]
            return engine

        until(lambda: told()["phase"] == "failed")
        engine = told()
        assert "cannot be fetched" in engine["detail"]
        assert "Check the network" in engine["todo"]
        assert "tried again every" in engine["todo"]
        assert httpx.get(app.url).status_code == 200, "the page is there"
        assert app.running
        assert "Traceback" not in app.log.read_text()
    lines = engine["detail"].splitlines()
    assert len(lines) == 1
    figure("faults.network", len(lines), f'line said: "{engine["detail"]}"')


async def test_no_room_for_a_model_is_told_before_anything_comes(
    small_disk: Path, figure: Figures
) -> None:
    with pytest.raises(EngineError, match="not enough room") as told:
        await fetching.fetch(SMOLLM, small_disk)
    assert told.value.fault is EngineFault.NOT_READY
    assert "Make room" in told.value.todo
    left = [one for one in small_disk.iterdir() if one.stat().st_size]
    assert left == []
    figure("faults.model-room", len(left), "bytes fetched")


async def test_a_disk_that_fills_meanwhile_is_told_and_the_download_goes_on_later(
    hub_server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figures
) -> None:
    monkeypatch.setattr(fetching, "SPARE_BYTES", 0)
    with mounted(tmp_path / "disk", "16m") as disk:

        def on_progress(done: int, total: int) -> None:
            if done and not ballast_of(disk).exists():
                fill(disk)

        with pytest.raises(EngineError, match="cannot be written") as told:
            await fetching.fetch(on_hub(), disk, on_progress)
        assert told.value.fault is EngineFault.NOT_READY
        kept = (await fetching.check(on_hub(), disk)).begun
        assert 0 < kept < len(CONTENT)
        ballast_of(disk).unlink()
        hub_server.asked.clear()
        path = await fetching.fetch(on_hub(), disk)
        assert path.read_bytes() == CONTENT
        (asked,) = [ranged for method, ranged, _ in hub_server.asked if method == "GET"]
        assert asked == f"bytes={kept}-"
    figure("faults.download", kept, f"of {len(CONTENT):,} bytes kept and not fetched again")
