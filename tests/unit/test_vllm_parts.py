"""What the engine `vllm` is made of: its command, its log's words, its model, its adapters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from chat import engines
from chat.engines import fetching, gguf_folder, lora, vllm_model
from chat.engines.catalogue import PERM_7B, QWEN_7B, SMOLLM, Hub
from chat.engines.chat_openai import ServedChatModel
from chat.engines.openai import OpenAIEngine
from chat.engines.vllm import RunningVllmEngine, VllmEngine
from chat.engines.vllm_command import Plan, Shape, command, options_of, variables
from chat.engines.vllm_environment import VllmEnvironment, environment_in
from chat.engines.vllm_log import error_in, failure_in, step_in
from chat.engines.vllm_model import Servable, servable, source_of
from chat.settings import EngineName, Settings, SettingsError
from perm.checkpoint import CheckpointError, CheckpointReport, Code, Problem
from perm.types import EngineError, EngineFault
from tests.support import checkpoints
from tests.support.fake_vllm import LOG
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit

CPU = VllmEnvironment(folder=Path("/somewhere/.venv-vllm"), device="cpu")
GPU = VllmEnvironment(folder=Path("/somewhere/.venv-vllm"), device="cuda")
MODEL = Servable(name="qwen", place="Qwen/Qwen2.5-7B-Instruct", revision="abc")


def silent(detail: str, progress: float | None) -> None:
    """Nobody listens."""


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


# -- the command --------------------------------------------------------------------------------


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


# -- the log's words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "detail", "progress"),
    [
        (LOG[0], "description", None),
        (LOG[2], "loaded", None),
        (LOG[3], "loaded", 0.5),
        ("model-00001-of-00004.safetensors:  12%|#2 | 596M/4.96G", "downloaded", 0.12),
        ("Fetching 4 files:  25%|##5       | 1/4", "downloaded", 0.25),
        ("INFO backends.py:399] Compiling a graph for compile range (1, 2048)", "compiled", None),
        ("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  42%|####", "compiled", 0.42),
        ("INFO kv_cache_utils.py:2327] GPU KV cache size: 46,592 tokens", "Memory", None),
        (LOG[5], "almost ready", None),
    ],
)
def test_a_known_line_is_a_step(line: str, detail: str, progress: float | None) -> None:
    step = step_in(line)
    assert step is not None
    assert detail in step.detail
    assert step.progress == progress


@pytest.mark.parametrize("line", ["", LOG[1], "INFO: Application startup complete.", "x" * 10000])
def test_another_line_is_none(line: str) -> None:
    assert step_in(line) is None
    assert failure_in(line) is None


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "does not fit"),
        ("ValueError: Free memory on device cuda:0 (1/80 GiB) on startup is less than desired GPU "
         "memory utilization (0.9, 72 GiB).", "Other programs"),
        ("ValueError: To serve at least one request with the model's max seq len (131072), (7.00 "
         "GiB KV cache is needed, which is larger than the available KV cache memory", "no room"),
        ("vllm: error: unrecognized arguments: --tensor-paralel-size 2", "one of its options"),
        ("RuntimeError: No CUDA GPUs are available", "no GPU"),
    ],
)  # fmt: skip
def test_a_failure_is_said_in_words(line: str, what: str) -> None:
    failure = failure_in(line)
    assert failure is not None
    assert what in failure.what
    assert failure.todo


def test_of_an_error_only_the_name_is_kept() -> None:
    assert error_in("(EngineCore) ERROR vllm.v1.EngineDeadError: she said so") == (
        "vllm.v1.EngineDeadError"
    )
    assert error_in("ValueError") == "ValueError"
    assert error_in("I made an Error of judgement: sorry") is None
    assert error_in("she wrote: MyException is how I feel") is None


# -- who goes first -----------------------------------------------------------------------------


def test_who_reads_along_goes_first() -> None:
    model = ServedChatModel.at("http://127.0.0.1:9/v1", "k", "m", server="vLLM", patience=1.0)
    asked = [HumanMessage("hello")]
    assert "extra_body" not in model._get_request_payload(asked, stream=True)
    model.say_priority(True)
    assert model._get_request_payload(asked, stream=True)["extra_body"] == {"priority": 0}
    judged = model._get_request_payload(asked, extra_body={"continue_final_message": True})
    assert judged["extra_body"] == {"continue_final_message": True, "priority": 1}
    own = model._get_request_payload(asked, stream=True, extra_body={"priority": 7})
    assert own["extra_body"] == {"priority": 7}


@pytest.mark.parametrize("kind", [RunningVllmEngine, OpenAIEngine])
@pytest.mark.parametrize(
    ("priority", "owner", "sent"),
    [
        ("heed", "vllm", [1, 0]),
        ("refuse", "vllm", [None, None]),
        ("ignore", "vllm", [None, None]),
        ("heed", "sglang", [None, None]),  # its larger numbers go first
    ],
)
async def test_priorities_reach_a_server_that_heeds_them_as_vllm_does(
    kind: type[OpenAIEngine], priority: Any, owner: str, sent: list[int | None]
) -> None:
    script = ScriptedServer(
        lambda _: "a b c", key="k", model_name="mine", priority=priority, owner=owner
    )
    if kind is RunningVllmEngine and owner != "vllm":
        sent = [1, 0]  # whoever names the engine vllm knows better than what stands in between
    async with running(script) as server:
        engine = kind(server.url, SecretStr("k"), "")
        await engine.start()
        await engine.ready()
        probed = [request for request in server.requests if "priority" in request]
        server.requests.clear()
        await engine.chat_model.ainvoke([HumanMessage("judge this")])
        async for _ in engine.chat_model.astream([HumanMessage("hello")]):
            pass
        assert engine.capabilities.priority is (sent == [1, 0])
        await engine.stop()
    assert [request.get("priority") for request in server.requests] == sent
    assert len(probed) <= 2
    assert [choice.name for choice in engine.models] == ["mine"]


# -- which model --------------------------------------------------------------------------------


def test_what_the_setting_names(tmp_path: Path) -> None:
    gguf = tmp_path / "m.gguf"
    gguf.write_bytes(b"GGUF....")
    assert source_of("") is None
    assert source_of(str(tmp_path)) == tmp_path
    assert source_of(str(gguf)) == gguf
    assert source_of("Qwen/Qwen2.5-7B-Instruct") == Hub(repo="Qwen/Qwen2.5-7B-Instruct")
    assert source_of(SMOLLM.name) == SMOLLM
    for wrong in ("/not/there", "./not-there", "no-such-model", str(tmp_path / "absent.gguf")):
        with pytest.raises(SettingsError):
            source_of(wrong)


def report_of(code: Code | None) -> CheckpointReport:
    problems = () if code is None else (Problem(code=code, what=f"It is {code}.", todo="Do."),)
    return CheckpointReport(source="x", ok=not problems, problems=problems, revision="commit")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, CheckpointReport]:
    """What the hub's repositories turn out to be; nothing was fetched before."""
    reports: dict[str, CheckpointReport] = {}

    async def examine(source: str | Path, *, revision: str | None = None) -> CheckpointReport:
        return reports[str(source)]

    monkeypatch.setattr(vllm_model, "examine", examine)
    monkeypatch.setattr(vllm_model, "_copy_of", lambda _: None)
    return reports


async def test_a_gpus_default_is_the_tuned_model_where_it_is_whole(
    hub: dict[str, CheckpointReport], tmp_path: Path
) -> None:
    hub["Zwwwwwq/PERM-Qwen2.5-7B-Instruct"] = report_of(None)
    found = await servable(None, tmp_path, GPU, silent)
    assert (found.name, found.revision, found.note) == (PERM_7B.name, "commit", "")


async def test_where_it_is_hollow_the_backbone_is_served_and_that_is_said(
    hub: dict[str, CheckpointReport], tmp_path: Path
) -> None:
    hub["Zwwwwwq/PERM-Qwen2.5-7B-Instruct"] = report_of(Code.HOLLOW)
    hub["Qwen/Qwen2.5-7B-Instruct"] = report_of(None)
    found = await servable(None, tmp_path, GPU, silent)
    assert found.name == QWEN_7B.name
    assert "not the tuned model: It is hollow." in found.note


async def test_asked_for_by_name_a_hollow_model_is_refused(
    hub: dict[str, CheckpointReport], tmp_path: Path
) -> None:
    hub["Zwwwwwq/PERM-Qwen2.5-7B-Instruct"] = report_of(Code.HOLLOW)
    with pytest.raises(CheckpointError, match="It is hollow"):
        await servable(PERM_7B, tmp_path, GPU, silent)


async def test_a_hub_out_of_reach_is_tried_again_unless_a_copy_is_here(
    hub: dict[str, CheckpointReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub["Qwen/Qwen2.5-7B-Instruct"] = report_of(Code.UNREACHABLE)
    with pytest.raises(EngineError) as failed:
        await servable(QWEN_7B, tmp_path, GPU, silent)
    assert failed.value.fault is EngineFault.UNREACHABLE
    monkeypatch.setattr(vllm_model, "_copy_of", lambda _: tmp_path)
    hub[str(tmp_path)] = report_of(None)
    found = await servable(QWEN_7B, tmp_path, GPU, silent)
    assert (found.place, found.local) == (str(tmp_path), True)
    assert "Qwen/Qwen2.5-7B-Instruct" in found.also


async def test_a_gguf_file_of_the_catalogue_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(entry: object, models_dir: Path, on_progress: object) -> Path:
        return models_dir / "small.gguf"

    async def folder_of(file: Path, models_dir: Path, python: Path, told: object) -> Path:
        assert python == CPU.python
        return models_dir / f"{file.stem}-safetensors"

    monkeypatch.setattr(fetching, "fetch", fetch)
    monkeypatch.setattr(vllm_model, "folder_of", folder_of)
    found = await servable(SMOLLM, tmp_path, CPU, silent)
    assert (found.name, found.place) == (SMOLLM.name, str(tmp_path / "small-safetensors"))


# -- unpacking ----------------------------------------------------------------------------------

CONVERTER = """#!{python}
import json, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.support import checkpoints
print(json.dumps({{"detail": "The weights are being unpacked."}}), flush=True)
tensors = checkpoints.qwen2_tensors()
file = Path(sys.argv[2])
if b"broken" in file.read_bytes():
    sys.exit("KeyError: what a strange file")
if b"hollow" in file.read_bytes():
    tensors = checkpoints.hollowed(tensors)
checkpoints.write_model(Path(sys.argv[3]), tensors, checkpoints.QWEN2)
"""


@pytest.fixture
def converter(tmp_path: Path) -> Path:
    """Stands for the other environment's Python: it is given the script, the file, the folder."""
    import sys

    root = str(Path(__file__).resolve().parents[2])
    program = tmp_path / "python"
    program.write_text(CONVERTER.format(python=sys.executable, root=root))
    program.chmod(0o755)
    return program


async def test_a_file_is_unpacked_once(converter: Path, tmp_path: Path) -> None:
    file, models = tmp_path / "small.gguf", tmp_path / "models"
    file.write_bytes(b"GGUF first")
    told: list[str] = []
    folder = await gguf_folder.folder_of(file, models, converter, told.append)
    assert folder == models / "small-safetensors"
    assert (folder / "model.safetensors").is_file()
    assert told == ["The weights are being unpacked."]
    assert await gguf_folder.folder_of(file, models, converter, told.append) == folder
    assert len(told) == 1
    file.write_bytes(b"GGUF another file")
    await gguf_folder.folder_of(file, models, converter, told.append)
    assert len(told) == 2


@pytest.mark.parametrize(
    ("kind", "words"), [(b"broken", "could not be turned"), (b"hollow", "cannot be served")]
)
async def test_what_does_not_become_a_model_is_not_kept(
    converter: Path, tmp_path: Path, kind: bytes, words: str
) -> None:
    file, models = tmp_path / "small.gguf", tmp_path / "models"
    file.write_bytes(b"GGUF " + kind)
    with pytest.raises((EngineError, CheckpointError), match=words):
        await gguf_folder.folder_of(file, models, converter, lambda _: None)
    assert [path.name for path in models.iterdir() if path.is_dir()] == []


# -- adapters -----------------------------------------------------------------------------------


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
    for engine, role, words in (
        (EngineName.LLAMA_CPP, "supporter", "does not serve"),
        (EngineName.VLLM, "judge", "a judge is a whole model"),
    ):
        model = "judge_model" if role == "judge" else "model"
        settings = Settings(engine=engine, models_dir=tmp_path, **{model: "warm"})
        with pytest.raises(SettingsError, match=words):
            engines.build(settings, role)
    settings = Settings(engine=EngineName.VLLM, model="warm", models_dir=tmp_path)
    built = engines.build(settings, "supporter")
    assert isinstance(built, VllmEngine)
    assert [one.name for one in built.models] == ["warm", "smollm2-135m-instruct"]


# -- the settings -------------------------------------------------------------------------------


def test_the_settings_choose_it(tmp_path: Path) -> None:
    own = Settings(engine=EngineName.VLLM, model=str(tmp_path), vllm_options="--seed 1")
    engine = engines.build(own, "supporter")
    assert isinstance(engine, VllmEngine)
    assert engine.model_name == tmp_path.name
    there = Settings(engine=EngineName.VLLM, base_url="http://127.0.0.1:9/v1", model="m")
    assert isinstance(engines.build(there, "supporter"), RunningVllmEngine)


@pytest.mark.parametrize("recipe", [None, "", "[]", "{}", "{not json"])
def test_an_environment_that_is_not_complete_is_none(tmp_path: Path, recipe: str | None) -> None:
    if recipe is not None:
        (tmp_path / "perm-chat-recipe.json").write_text(recipe)
    with pytest.raises(EngineError) as failed:
        environment_in(tmp_path)
    assert failed.value.fault is EngineFault.NOT_READY
