"""Adapters in the models folder: which are served, and the backbone that each stands for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chat import engines
from chat.engines import Role, lora
from chat.engines.vllm import VllmEngine
from chat.settings import EngineName, Settings, SettingsError
from tests.support import checkpoints

pytestmark = pytest.mark.unit


async def test_adapters_of_this_backbone_that_are_whole_are_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / lora.FOLDER
    whole = checkpoints.lora_tensors()
    checkpoints.write_adapter(place / "warm", whole)
    checkpoints.write_adapter(place / "hollow", checkpoints.hollowed(whole))
    other = {**checkpoints.LORA, "base_model_name_or_path": "/models/another-model"}
    checkpoints.write_adapter(place / "foreign", whole, other)
    (place / "empty").mkdir()
    (place / "a note.txt").write_text("not a folder")
    found = await lora.adapters_for(("qwen2.5-7b-instruct", "/somewhere"), tmp_path)
    assert [(adapter.name, adapter.rank) for adapter in found] == [("warm", 4)]
    left_out = [record.getMessage() for record in caplog.records]
    assert any("hollow is left out" in line for line in left_out)
    assert any("empty is left out" in line for line in left_out)
    assert await lora.adapters_for(("x",), tmp_path / "nowhere") == ()


def adapter_of(models: Path, name: str, base: object) -> None:
    place = models / lora.FOLDER / name
    place.mkdir(parents=True)
    (place / lora.CONFIG).write_text(json.dumps({"base_model_name_or_path": base}), "utf-8")


@pytest.mark.parametrize(
    ("base", "backbone"),
    [
        ("smollm2-135m-instruct", "smollm2-135m-instruct"),  # as training writes the catalogue's
        ("somebody/SmolLM2-135M-Instruct", "smollm2-135m-instruct"),
        ("Qwen/Qwen2.5-14B-Instruct", "Qwen/Qwen2.5-14B-Instruct"),
        ("Mine", "{models}/mine"),
        ("/gone/whole", "{models}/trained/Whole"),
    ],
)
def test_an_adapters_name_stands_for_its_backbone_with_it(
    tmp_path: Path, base: str, backbone: str
) -> None:
    for folder in ("mine", "trained/Whole"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.json").write_text("{}")
    adapter_of(tmp_path, "warm", base)
    expected = lora.Chosen(adapter="warm", backbone=backbone.format(models=tmp_path))
    assert lora.chosen("warm", tmp_path) == expected
    assert lora.chosen(f"{tmp_path / lora.FOLDER / 'warm'}/", tmp_path) == expected
    for other in ("", "cold", str(tmp_path), "owner/warm", "../adapters/warm"):
        assert lora.chosen(other, tmp_path) is None


@pytest.mark.parametrize("base", ["gone", "/gone/too", "../../elsewhere", "", None, 7])
def test_an_adapter_whose_backbone_is_not_here_says_so(tmp_path: Path, base: object) -> None:
    adapter_of(tmp_path, "warm", base)
    with pytest.raises(SettingsError, match="The adapter warm belongs to") as told:
        lora.chosen("warm", tmp_path)
    assert str(tmp_path) in told.value.todo


def test_an_adapter_is_served_where_that_can_be_and_never_judges(tmp_path: Path) -> None:
    adapter_of(tmp_path, "warm", "smollm2-135m-instruct")
    cases: tuple[tuple[EngineName, Role, str], ...] = (
        (EngineName.LLAMA_CPP, "supporter", "does not serve"),
        (EngineName.VLLM, "judge", "a judge is a whole model"),
    )
    for engine, role, words in cases:
        model: dict[str, Any] = {"judge_model" if role == "judge" else "model": "warm"}
        settings = Settings(engine=engine, models_dir=tmp_path, **model)
        with pytest.raises(SettingsError, match=words):
            engines.build(settings, role)
    settings = Settings(engine=EngineName.VLLM, model="warm", models_dir=tmp_path)
    built = engines.build(settings, "supporter")
    assert isinstance(built, VllmEngine)
    assert [one.name for one in built.models] == ["warm", "smollm2-135m-instruct"]
