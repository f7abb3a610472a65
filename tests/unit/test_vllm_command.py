"""The command that vLLM is started with, and the variables around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat.engines import lora
from chat.engines.vllm_command import Plan, Shape, command, options_of, variables
from chat.engines.vllm_model import Servable
from chat.settings import SettingsError
from tests.support.vllm_plans import CPU, GPU

pytestmark = pytest.mark.unit

MODEL = Servable(name="qwen", place="Qwen/Qwen2.5-7B-Instruct", revision="abc")


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_a_gpu_is_asked_for_priorities_cached_prefixes_and_their_count() -> None:
    words = command(Plan(environment=GPU, model=MODEL), 4096, 0.85, ())
    assert words[:3] == ["/somewhere/.venv-vllm/bin/vllm", "serve", "Qwen/Qwen2.5-7B-Instruct"]
    assert after(words, "--served-model-name") == "qwen"
    assert after(words, "--revision") == "abc", "what was examined is what is served"
    assert after(words, "--scheduling-policy") == "priority"
    assert after(words, "--gpu-memory-utilization") == "0.85"
    assert after(words, "--max-model-len") == "4096"
    assert {"--enable-prefix-caching", "--enable-prompt-tokens-details"} <= set(words)
    assert not {"--enforce-eager", "--enable-lora", "--api-key"} & set(words)


def test_a_cpu_is_asked_for_what_it_can_do() -> None:
    words = command(Plan(environment=CPU, model=MODEL), 4096, 0.9, ())
    assert after(words, "--dtype") == "float32"
    assert "--enforce-eager" in words
    assert "--gpu-memory-utilization" not in words


def test_ones_own_options_are_said_last() -> None:
    more = options_of("--tensor-parallel-size 2 --max-model-len '8192'")
    words = command(Plan(environment=GPU, model=MODEL), 4096, 0.9, more)
    assert words[-4:] == ["--tensor-parallel-size", "2", "--max-model-len", "8192"]
    with pytest.raises(SettingsError, match="quotation mark"):
        options_of("--quantization 'fp8")


def test_the_shape_is_told_where_it_is_not_vllms_own() -> None:
    assert Shape().words == []
    shape = Shape(tensor_parallel=2, data_parallel=4, quantization="fp8")
    words = command(Plan(environment=GPU, model=MODEL, shape=shape), 4096, 0.9, ())
    assert after(words, "--tensor-parallel-size") == "2"
    assert after(words, "--data-parallel-size") == "4"
    assert after(words, "--quantization") == "fp8"


def test_the_context_is_never_more_than_a_model_was_made_for(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 2048}')
    model = Servable(name="small", place=str(tmp_path))
    words = command(Plan(environment=CPU, model=model), 4096, 0.9, ())
    assert after(words, "--max-model-len") == "2048"


def test_adapters_become_names_with_room_for_the_widest() -> None:
    adapters = tuple(
        lora.Adapter(name=name, folder=Path(f"/a/{name}"), base_model="qwen", rank=rank)
        for name, rank in (("warm", 8), ("brief", 24))
    )
    words = command(Plan(environment=GPU, model=MODEL, adapters=adapters), 4096, 0.9, ())
    assert "--enable-lora" in words
    assert after(words, "--max-lora-rank") == "32"
    assert after(words, "--max-loras") == "2"
    start = words.index("--lora-modules") + 1
    assert [json.loads(word)["name"] for word in words[start : start + 2]] == ["warm", "brief"]


def test_the_key_travels_in_the_environment_and_nobody_is_told_of_the_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    found = variables(Plan(environment=CPU, model=MODEL), "secret")
    assert found["VLLM_API_KEY"] == "secret"
    assert found["VLLM_NO_USAGE_STATS"] == found["DO_NOT_TRACK"] == "1"
    assert found["VLLM_CPU_KVCACHE_SPACE"] == "2"
    assert "HF_HUB_OFFLINE" not in found, "the hub is where this model comes from"
    local = Plan(environment=GPU, model=Servable(name="mine", place="/models/mine"))
    assert variables(local, "secret")["HF_HUB_OFFLINE"] == "1"
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "8")
    assert variables(Plan(environment=CPU, model=MODEL), "k")["VLLM_CPU_KVCACHE_SPACE"] == "8"
