"""What a training run reads and writes, without training anything."""

from __future__ import annotations

import json
from importlib import util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chat import settings as settings_module
from chat.scoring import BadRecord
from chat.settings import ROOT, Settings
from chat.training import read_prompts
from chat.training.judging import judging
from perm import rubrics
from perm.training import LoraShape, Malformed, Plan, TrainingError, require_libraries
from perm.training.logbook import Logbook, Step, read_log
from perm.training.published import read_trl_config
from perm.training.run import last_checkpoint
from perm.training.saving import card, finish, warn_of_zero3
from perm.types import PUBLISHED_REWARD, RewardMode
from tests.support.checkpoints import edit_json, hollowed, lora_tensors, write_adapter

pytestmark = pytest.mark.unit

SUPPORTER = rubrics.load(ROOT / "prompts").supporter
RECORD: dict[str, Any] = {
    "persona": {"identity": "a nurse"},
    "scenario": "a double shift",
    "dialogue": ["I am so tired.", "a later one"],
}
EXPORTED: dict[str, Any] = {
    "id": "turn-1",
    "prompt": [{"role": "system", "content": "S"}, {"role": "user", "content": "framed"}],
    "persona": "a nurse",
    "scenario": "a double shift",
    "message": "I am so tired.",
    "history": [{"message": "Hello", "response": "Hi"}],
    "reward": 0.5,
}


def write_lines(file: Path, *values: object) -> Path:
    file.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    return file


def plan_in(place: Path, **changes: Any) -> Plan:
    given = {"base": "/models/b", "base_name": "Qwen/Qwen2.5-7B-Instruct", **changes}
    return Plan(workspace=place / "run", result=place / "adapters" / "warm", **given)


def test_perms_records_are_framed_as_the_app_frames_a_first_message(tmp_path: Path) -> None:
    row = read_prompts(write_lines(tmp_path / "p.jsonl", RECORD), SUPPORTER).rows[0]
    assert [one["role"] for one in row["prompt"]] == ["system", "user"]
    assert row["prompt"][0]["content"] == SUPPORTER.system
    frame = SUPPORTER.frame("a nurse", "a double shift", "I am so tired.")
    assert row["prompt"][1]["content"] == frame
    assert (row["persona"], row["scenario"]) == ("a nurse", "a double shift")
    assert (row["message"], row["history"], row["id"]) == ("I am so tired.", [], "1")


def test_an_exported_prompt_is_taken_as_it_is(tmp_path: Path) -> None:
    row = read_prompts(write_lines(tmp_path / "p.jsonl", EXPORTED), SUPPORTER).rows[0]
    assert row == {name: value for name, value in EXPORTED.items() if name != "reward"}


def test_parquet_gives_the_same_rows(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([EXPORTED]), tmp_path / "p.parquet")
    lines = write_lines(tmp_path / "p.jsonl", EXPORTED)
    found = read_prompts(tmp_path / "p.parquet", SUPPORTER)
    assert found.rows == read_prompts(lines, SUPPORTER).rows


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"persona": "x", "scenario": "y"}, "Line 2 is no prompt: dialogue"),
        ({"prompt": []}, "Line 2 is no prompt: prompt"),
        ([1], "Line 2 is not an object"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, value: object, why: str) -> None:
    with pytest.raises(BadRecord, match=why):
        read_prompts(write_lines(tmp_path / "p.jsonl", RECORD, value), SUPPORTER)


def test_a_number_without_an_end_is_named(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text('{"id": ' + "9" * 5_000 + "}\n")
    with pytest.raises(BadRecord, match="Line 1 is not JSON"):
        read_prompts(file, SUPPORTER)


def test_files_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="holds no prompts"):
        read_prompts(write_lines(tmp_path / "p.jsonl"), SUPPORTER)
    with pytest.raises(BadRecord, match="cannot be read"):
        read_prompts(tmp_path / "none.jsonl", SUPPORTER)
    (tmp_path / "p.parquet").write_bytes(b"no")
    with pytest.raises(BadRecord, match="is not Parquet"):
        read_prompts(tmp_path / "p.parquet", SUPPORTER)


def test_the_reward_is_the_published_one_but_for_what_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings_module.load().reward_or(PUBLISHED_REWARD) == PUBLISHED_REWARD
    monkeypatch.setenv("PERM_CHAT_REWARD_LENGTH_LIMIT", "300")  # our default, said aloud
    changed = settings_module.load(reward_mode=RewardMode.MEAN).reward_or(PUBLISHED_REWARD)
    assert changed == PUBLISHED_REWARD.model_copy(
        update={"mode": RewardMode.MEAN, "length_limit": 300}
    )


def test_a_configuration_file_is_yaml_settings(tmp_path: Path) -> None:
    file = tmp_path / "trl.yaml"
    file.write_text("use_vllm: true\nvllm_mode: colocate\nlearning_rate: 2.0e-6\n", "utf-8")
    assert read_trl_config(file) == {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "learning_rate": 2e-6,
    }
    file.write_text("- a\n- b\n", "utf-8")
    with pytest.raises(TrainingError, match="not a list of settings"):
        read_trl_config(file)
    file.write_text("a: [", "utf-8")
    with pytest.raises(TrainingError, match="not YAML"):
        read_trl_config(file)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "perm.training.errors.find_spec",
        lambda name: None if name in {"trl", "peft"} else util.find_spec(name),
    )
    with pytest.raises(TrainingError, match="not installed: trl, peft") as raised:
        require_libraries()
    assert "[train]" in raised.value.todo


def test_a_log_that_is_gone_on_with_keeps_what_came_before_the_checkpoint(tmp_path: Path) -> None:
    log = Logbook(tmp_path / "log.jsonl")
    log.begin({"seed": 1})
    for step in (1, 2, 3):
        log.add({"step": step, "reward": None})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 4, "rew')  # the machine went down here
    log.begin({"seed": 1}, resumed_at=2)
    log.add({"step": 3, "reward": 0.5})
    found = read_log(tmp_path / "log.jsonl")
    assert [entry["step"] for entry in found if "step" in entry] == [1, 2, 3]
    assert found[-1] == {"step": 3, "reward": 0.5}
    log.begin({"seed": 2})
    assert [entry["run"] for entry in read_log(tmp_path / "log.jsonl")] == [{"seed": 2}]


def test_a_progress_line_has_the_four_means_and_a_dash_for_none() -> None:
    values = {"reward": 0.5, "resonation": 3.0, "bystander": 61.2, "unscored": 0.25, "tokens": 80.0}
    line = Step(step=1, steps=2, values=values).line
    assert line == (
        "reward 0.500  resonation 3.0  expression -  reception -  bystander 61.2  "
        "unscored 25 %  malformed 0 %  80 tokens"
    )


def test_the_newest_whole_checkpoint_is_the_one_to_go_on_from(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-11", "checkpoint-new"):
        (tmp_path / name).mkdir()
    for name in ("checkpoint-9", "checkpoint-10"):
        (tmp_path / name / "trainer_state.json").write_text("{}")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_a_whole_adapter_gets_its_name_its_base_and_its_card(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    draft = write_adapter(plan.workspace / "result", lora_tensors())
    edit_json(draft / "adapter_config.json", base_model_name_or_path="/models/b")
    (draft / "training_args.bin").write_bytes(b"pickle")
    assert finish(draft, plan, {"judge": "a|b", "seed": 3}).ok
    config = json.loads((plan.result / "adapter_config.json").read_text("utf-8"))
    assert config["base_model_name_or_path"] == "Qwen/Qwen2.5-7B-Instruct"
    assert not (plan.result / "training_args.bin").exists()
    text = (plan.result / "README.md").read_text("utf-8")
    assert 'base_model: "Qwen/Qwen2.5-7B-Instruct"' in text
    assert "| judge | a\\|b |" in text
    assert text == card(plan, {"judge": "a|b", "seed": 3})


@pytest.mark.parametrize("kept", ["hollow", "a model was asked for"])
def test_what_is_not_whole_gets_no_name(tmp_path: Path, kept: str) -> None:
    hollow = kept == "hollow"
    plan = plan_in(tmp_path, lora=LoraShape() if hollow else None)
    tensors = hollowed(lora_tensors()) if hollow else lora_tensors()
    draft = write_adapter(plan.workspace / "result", tensors)
    with pytest.raises(TrainingError, match="not whole"):
        finish(draft, plan, {})
    assert not plan.result.exists()
    assert draft.exists()


@pytest.mark.parametrize(
    ("stage", "gathers", "warned"), [(3, False, True), (3, True, False), (2, False, False)]
)
def test_zero3_without_gathering_is_warned_of(
    stage: int, gathers: bool, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    zero = {"stage": stage, "stage3_gather_16bit_weights_on_model_save": gathers}
    plugin = SimpleNamespace(zero_stage=stage, deepspeed_config={"zero_optimization": zero})
    state = SimpleNamespace(deepspeed_plugin=plugin)
    trainer: Any = SimpleNamespace(accelerator=SimpleNamespace(state=state))
    assert warn_of_zero3(trainer) is warned
    assert ("hollow" in caplog.text) is warned


def test_many_processes_share_one_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    settings = Settings(models_dir=tmp_path, data_dir=tmp_path)
    with (
        pytest.raises(TrainingError, match="4 processes would start a judge"),
        judging(settings, Malformed.LOWEST, None, print),
    ):
        pass
