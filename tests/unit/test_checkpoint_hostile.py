"""Files made to harm: refused in words, without an exception and without a big read.

The safetensors library itself is the judge of what can be loaded: whatever it refuses, the
examination must refuse too.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from perm.checkpoint import CheckpointReport, Code, examine
from perm.checkpoint.architectures import FAMILIES, expected_tensors
from perm.checkpoint.headers import BITS
from tests.support.checkpoints import (
    EMBEDDING,
    INDEX,
    LORA,
    QWEN2,
    edit_json,
    lora_tensors,
    ones,
    qwen2_tensors,
    shard_name,
    write_adapter,
    write_json,
    write_model,
    write_raw,
)

pytestmark = pytest.mark.unit

READ_AT_MOST = 2**20
FEW = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def entry(shape: list[Any], start: Any, stop: Any, dtype: str = "F16") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


async def refused(folder: Path, code: Code) -> CheckpointReport:
    report = await examine(folder)
    assert [problem.code for problem in report.problems] == [code], report.problems
    assert report.bytes_read <= READ_AT_MOST
    return report


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"[]", "does not start as a JSON object"),
        (b" {}", "does not start as a JSON object"),
        (b"{", "not the JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"}", "not the JSON"),
        (b'{"a": \xff}', "not the JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not the JSON"),
        (b'{"\\ud800": ' + json.dumps(entry([1], 0, 2)).encode() + b"}", "not the JSON"),
        (b'{"a": 1, "a": 1}', "twice"),
        ({"a": 5}, "not described by type"),
        ({"a": entry([1], 0, 2) | {"more": 1}}, "not described by type"),
        ({"a": entry([1], 0, 2, "F17")}, "stored as F17"),
        ({"a": entry([-1], 0, 2)}, "not made of whole numbers"),
        ({"a": entry([True], 0, 2)}, "not made of whole numbers"),
        ({"a": entry([1.0], 0, 2)}, "not made of whole numbers"),
        ({"a": entry([1], 0, 2**70)}, "not made of whole numbers"),
        ({"a": entry([2**40, 2**40, 0], 0, 0)}, "impossible shape"),
        ({"a": entry([3], 0, 2)}, "would take 6"),
        ({"a": entry([1], 2, 0)}, "would take 2"),
        ({"a": entry([1], 0, 2), "b": entry([1], 0, 2)}, "overlaps"),
        ({"a": entry([2], 0, 4), "b": entry([2], 2, 6)}, "overlaps"),
        ({"a": entry([1], 2, 4)}, "leaves a hole"),
        ({"__metadata__": {"a": 1}}, "metadata"),
        ({"a" * 5000: entry([1], 0, 2)}, "5,000 letters"),
    ],
)
async def test_a_hostile_header(tmp_path: Path, header: object, said: str) -> None:
    write_json(tmp_path / "config.json", QWEN2)
    write_raw(tmp_path / "model.safetensors", header, bytes(2))
    report = await refused(tmp_path, Code.BROKEN_HEADER)
    assert said in report.problems[0].what


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10 * 2**20])
async def test_a_header_said_to_be_endless_is_not_read(tmp_path: Path, length: int) -> None:
    write_json(tmp_path / "config.json", QWEN2)
    file = tmp_path / "model.safetensors"
    write_raw(file, {}, length=length)
    os.truncate(file, 20 * 2**30)  # sparse: takes no room on disk
    report = await refused(tmp_path, Code.BROKEN_HEADER)
    assert f"{length:,} bytes" in report.problems[0].what


async def test_bytes_beyond_the_last_tensor(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2)
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"payload")
    report = await refused(folder, Code.BROKEN_HEADER)
    assert "7 bytes that its header does not account for" in report.problems[0].what


@pytest.mark.parametrize(
    "name",
    [
        "../../outside.safetensors",
        "/etc/passwd",
        "sub/model.safetensors",
        "..\\x.safetensors",
        "model.safetensors\0",
        "pytorch_model.bin",
        5,
    ],
)
async def test_an_index_that_leads_elsewhere(tmp_path: Path, name: object) -> None:
    folder = write_model(tmp_path / "a" / "b", qwen2_tensors(), QWEN2, shards=2)
    write_raw(tmp_path / "outside.safetensors", {EMBEDDING: entry([0], 0, 0)})
    homes = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"]
    edit_json(folder / INDEX, weight_map=homes | {EMBEDDING: name})
    report = await refused(folder, Code.BROKEN_INDEX)
    assert "was not opened" in report.problems[0].what


@pytest.mark.parametrize("weight_map", [5, {}, {str(n): f"{n}.safetensors" for n in range(1001)}])
async def test_an_index_that_is_none(tmp_path: Path, weight_map: object) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=2)
    edit_json(folder / INDEX, weight_map=weight_map)
    await refused(folder, Code.BROKEN_INDEX)


async def test_many_large_headers_are_not_all_read(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", QWEN2)
    names = [shard_name(number, 40) for number in range(1, 41)]
    write_json(tmp_path / INDEX, {"weight_map": {name: name for name in names}})
    for name in names:
        file = tmp_path / name
        file.write_bytes((8 * 2**20).to_bytes(8, "little") + b"{")
        os.truncate(file, 9 * 2**20)
    report = await examine(tmp_path)
    assert {problem.code for problem in report.problems} >= {Code.TOO_LARGE}
    assert report.bytes_read <= 32 * 2**20
    assert len(report.problems) <= 12


async def test_a_git_lfs_pointer(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 15231233024\n"
    (folder / "model.safetensors").write_bytes(pointer)
    report = await refused(folder, Code.LFS_POINTER)
    assert "git lfs pull" in report.problems[0].todo


async def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2)
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    await refused(folder, Code.MISSING_CONFIG)


async def test_names_that_would_draw_on_a_terminal_are_cleaned(tmp_path: Path) -> None:
    config = {**QWEN2, "architectures": ["\x1b[31mEvil\ud800\n"]}
    report = await examine(write_model(tmp_path, qwen2_tensors(), config))
    shown = report.model_dump_json()
    assert "\\u001b" not in shown
    assert "Evil" in shown
    folder = write_adapter(
        tmp_path / "b", lora_tensors(), {**LORA, "base_model_name_or_path": "\x1bx\ud800"}
    )
    assert (await examine(folder)).base_model == "\ufffdx\ufffd"


@pytest.mark.parametrize("dtype", sorted(BITS))
async def test_every_type_has_the_size_that_the_library_gives_it(
    tmp_path: Path, dtype: str
) -> None:
    file = tmp_path / "model.safetensors"
    write_raw(file, {"a": entry([8], 0, BITS[dtype], dtype)}, bytes(BITS[dtype]))
    with safe_open(file, framework="numpy") as opened:
        assert opened.get_slice("a").get_dtype() == dtype


def loads(file: Path) -> dict[str, tuple[int, ...]] | None:
    """Names and shapes as the safetensors library sees them, None where it refuses the file."""
    try:
        with safe_open(file, framework="numpy") as opened:
            return {
                name: tuple(opened.get_slice(name).get_shape()) for name in opened.offset_keys()
            }
    except SafetensorError:
        return None


@FEW
@given(data=st.data())
async def test_a_damaged_header_that_passes_is_one_that_loads_as_it_should(
    tmp_path: Path, data: st.DataObject
) -> None:
    """Flips, cuts, insertions in header and length: ok only if the library sees what is due."""
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2)
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    at = data.draw(st.integers(0, header - 1))
    cut = data.draw(st.integers(0, 3))
    file.write_bytes(whole[:at] + data.draw(st.binary(max_size=4)) + whole[at + cut :])
    report = await examine(folder)
    assert report.ok is not bool(report.problems)
    if report.ok:
        assert loads(file) == dict(expected_tensors(FAMILIES[0], QWEN2).required)
    if loads(file) is None:
        assert not report.ok


@FEW
@given(data=st.data())
async def test_random_damage_anywhere_gives_a_report(tmp_path: Path, data: st.DataObject) -> None:
    folder = write_model(tmp_path / "model", qwen2_tensors(), QWEN2, shards=2)
    adapter = write_adapter(tmp_path / "adapter", lora_tensors())
    for place in (folder, adapter):
        names = sorted(path.name for path in place.iterdir())
        file = place / data.draw(st.sampled_from(names))
        content = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        file.write_bytes(content)
        report = await examine(place)
        assert report.ok is not bool(report.problems)
        assert all(problem.what and problem.todo for problem in report.problems)
        assert report.bytes_read <= READ_AT_MOST
        CheckpointReport.model_validate_json(report.model_dump_json())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 50) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@FEW
@given(data=st.data())
async def test_any_json_in_any_description_gives_a_report(
    tmp_path: Path, data: st.DataObject
) -> None:
    folder = write_model(tmp_path / "model", qwen2_tensors(), QWEN2, shards=2)
    adapter = write_adapter(tmp_path / "adapter", lora_tensors())
    for place in (folder, adapter):
        file = place / data.draw(
            st.sampled_from(sorted(path.name for path in place.glob("*.json")))
        )
        found = json.loads(file.read_text("utf-8"))
        key = data.draw(st.sampled_from(sorted(found)))
        write_json(file, found | {key: data.draw(JSON)})
        report = await examine(place)
        assert report.ok is not bool(report.problems)


async def test_any_depth_of_nesting_gives_a_report(tmp_path: Path) -> None:
    """Some depths can just be read and not be written out again."""
    folder = write_model(tmp_path / "model", qwen2_tensors(), QWEN2, shards=2)
    adapter = write_adapter(tmp_path / "adapter", lora_tensors())
    for depth in range(700, 1050, 5):
        nested = "[" * depth + "]" * depth
        for place, file, key in (
            (folder, "config.json", "hidden_size"),
            (folder, INDEX, "weight_map"),
            (adapter, "adapter_config.json", "r"),
        ):
            whole = (place / file).read_text("utf-8")
            value = f'{{"x": {nested}}}' if key == "weight_map" else nested
            (place / file).write_text(whole[:-1] + f', "{key}": {value}}}', encoding="utf-8")
            report = await examine(place)
            (place / file).write_text(whole, encoding="utf-8")
            assert len(report.problems) == 1


async def test_a_checkpoint_of_random_bytes_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", QWEN2)
    noise = np.random.default_rng(0)
    for size in (1, 7, 8, 9, 100, 100_000):
        (tmp_path / "model.safetensors").write_bytes(noise.bytes(size))
        report = await examine(tmp_path)
        assert not report.ok
        assert report.problems[0].code in {Code.BROKEN_HEADER, Code.TRUNCATED}


async def test_the_loop_goes_on_while_a_disk_is_read(tmp_path: Path) -> None:
    """Reading happens beside the loop: other tasks get their turn during an examination."""
    tensors = {f"t.{number}": ones(2, 2) for number in range(200)}
    folder = write_model(tmp_path, tensors, QWEN2, shards=50)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    watcher = asyncio.create_task(others())
    await examine(folder)
    watcher.cancel()
    assert turns > 50
