"""The commands, as a person types them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from chat.cli import cli, for_people
from chat.cli.options import with_settings, with_some_settings
from chat.engines import catalogue
from chat.engines.lora import FOLDER
from chat.settings import Scoring, Settings
from perm.types import EngineError, EngineFault, Perspective
from tests.support import checkpoints

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
KEY = "sk-canary-5521"
RECORD = {
    "persona": {"identity": "a nurse"},
    "scenario": "After work.",
    "dialogue": ["My boss laughed at me."],
    "completion": "# Analysis\nThey are ashamed.\n\n# Response\nThat hurts. Who else was there?",
}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a settings file, and every path inside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("DATA_DIR", "MODELS_DIR"):
        monkeypatch.setenv(f"PERM_CHAT_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("PERM_CHAT_ENGINE", "scripted")
    return tmp_path


def call(*arguments: str) -> Any:
    return CliRunner().invoke(cli, arguments, env={"COLUMNS": "200"})


def records(path: Path, count: int, *bad: str) -> str:
    lines = [json.dumps({**RECORD, "id": number}) for number in range(count)]
    path.write_text("".join(f"{line}\n" for line in [*lines, *bad]), "utf-8")
    return str(path)


# Options


def options_of(command: Any) -> dict[str, Any]:
    app = typer.Typer(add_completion=False)
    app.command()(for_people(command))
    found = typer.main.get_command(app)
    return {one.name: one for one in found.params if one.name}


def test_every_setting_is_an_option_with_its_words() -> None:
    @with_settings
    def command(settings: Settings) -> None: ...

    found = options_of(command)
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in found[name].opts
        assert found[name].help == field.description
        assert found[name].default is None  # else it would outdo variables and file
    assert "config" in found


def test_flags_outdo_variables_and_variables_the_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Settings] = []

    @with_settings
    def command(settings: Settings, loud: bool = False) -> None:
        seen.append(settings)

    app = typer.Typer(add_completion=False)
    app.command()(for_people(command))
    (empty_folder / "my.toml").write_text('port = 1001\nmodel = "from file"\ntemperature = 0.1')
    monkeypatch.setenv("PERM_CHAT_PORT", "1002")
    monkeypatch.setenv("PERM_CHAT_TEMPERATURE", "0.2")
    arguments = ["--config", "my.toml", "--temperature", "0.3", "--method", "direct"]
    result = CliRunner().invoke(app, [*arguments, "--api-key", KEY, "--public"])
    assert result.exit_code == 0, result.output
    (found,) = seen
    assert (found.port, found.model, found.temperature) == (1002, "from file", 0.3)
    assert (found.method, found.public) == (Scoring.DIRECT, True)
    assert found.api_key.get_secret_value() == KEY


def test_a_command_may_take_some_settings_only() -> None:
    @with_some_settings("models_dir")
    def command(settings: Settings) -> None: ...

    assert set(options_of(command)) == {"config", "models_dir"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--port", "70000"], "port"),
        (["--config", "none.toml"], "none.toml"),
        (["--judge-temperature", "9", "--api-key", KEY], "judge_temperature"),
    ],
)
def test_a_setting_that_cannot_be_used_is_two_calm_lines(arguments: list[str], word: str) -> None:
    result = call("doctor", *arguments)
    assert result.exit_code == 2
    assert word in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert "Traceback" not in result.output + result.stderr
    assert KEY not in result.output + result.stderr


def test_an_error_is_what_happened_and_what_to_do() -> None:
    app = typer.Typer(add_completion=False)

    @app.command()
    @for_people
    def command() -> None:
        raise EngineError(EngineFault.UNREACHABLE, "Nobody answers.", "Start it.")

    result = CliRunner().invoke(app)
    assert (result.exit_code, result.stderr) == (1, "Nobody answers.\nStart it.\n")


def test_help_lists_the_commands_and_no_default_key() -> None:
    result = call("--help")
    for name in ("score", "doctor", "models"):
        assert name in result.output
    assert "--judge-api-key" in call("score", "--help").output


# score


def test_score_ends_with_every_line_accounted_for(empty_folder: Path) -> None:
    source = records(empty_folder / "in.jsonl", 5, "{no", "")
    result = call("score", source, "--out", "out.jsonl", "--concurrency", "2")
    assert result.exit_code == 1
    assert "7 lines: 5 judged, 1 bad, 1 blank." in result.stdout
    assert "Line 6 is left out: it is not JSON" in result.stderr
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == list(range(5))
    for line in lines:
        assert line["judge"]["note"] == "scripted: not a real judge"
        assert all(line[perspective.value]["status"] == "scored" for perspective in Perspective)
        assert line["reward"]["total"] > 0


def test_score_goes_on_and_then_has_nothing_left_to_do(empty_folder: Path) -> None:
    source = records(empty_folder / "in.jsonl", 2)
    assert call("score", source, "--out", "out.jsonl").exit_code == 0
    records(empty_folder / "in.jsonl", 3)
    result = call("score", source, "--out", "out.jsonl")
    assert result.exit_code == 0
    assert "3 lines: 1 judged, 2 done before." in result.stdout
    other = call("score", source, "--out", "out.jsonl", "--method", "reasoned")
    assert other.exit_code == 1
    assert "another judge or method" in other.stderr


def test_score_takes_reward_settings(empty_folder: Path) -> None:
    source = records(empty_folder / "in.jsonl", 1)
    call("score", source, "--out", "a.jsonl")
    call("score", source, "--out", "b.jsonl", "--reward-bystander-coefficient", "0.5")
    one, other = (json.loads(Path(name).read_text())["reward"] for name in ("a.jsonl", "b.jsonl"))
    assert one["empathy"] == other["empathy"]
    assert other["bystander"] == pytest.approx(5 * one["bystander"])


def test_score_says_what_a_length_term_needs(empty_folder: Path) -> None:
    source = records(empty_folder / "in.jsonl", 1)
    result = call("score", source, "--out", "a.jsonl", "--reward-length-coefficient", "0.001")
    assert "1 without a reward" in result.stdout
    assert "tokens is missing" in result.stdout
    (empty_folder / "in.jsonl").write_text(json.dumps({**RECORD, "tokens": 400}) + "\n")
    call("score", source, "--out", "b.jsonl", "--reward-length-coefficient", "0.001")
    assert json.loads(Path("b.jsonl").read_text())["reward"]["length"] == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["none.jsonl", "--out", "out.jsonl"], "cannot be read"),
        (["in.jsonl", "--out", "in.jsonl"], "same file"),
        (["in.jsonl", "--out", "in.jsonl/out"], "cannot be written"),
    ],
)
def test_score_with_wrong_files_says_so(
    empty_folder: Path, arguments: list[str], word: str
) -> None:
    records(empty_folder / "in.jsonl", 1)
    before = (empty_folder / "in.jsonl").read_bytes()
    result = call("score", *arguments)
    assert result.exit_code == 1
    assert word in result.stderr
    assert (empty_folder / "in.jsonl").read_bytes() == before


# doctor


def test_doctor_looks_at_everything(empty_folder: Path) -> None:
    result = call("doctor", "--port", str(free_port()))
    assert result.exit_code == 0, result.output
    for about in ("Python", "SQLite", "Data folder", "Prompts", "Database", "Port", "Engine"):
        assert f"{about}: " in result.output
    assert "scripted: not a real judge" in result.output
    assert not (empty_folder / "data_dir").exists()  # it only looks


def test_doctor_says_what_to_do_about_a_problem(empty_folder: Path) -> None:
    (empty_folder / "data_dir").mkdir()
    (empty_folder / "data_dir" / "perm-chat.db").write_bytes(b"not a database at all" * 100)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = call("doctor", "--quick", "--port", port, "--prompts-dir", "nowhere")
    assert result.exit_code == 1
    problems = [line for line in result.output.splitlines() if line.startswith("problem")]
    assert [line.split("  ")[1].split(":")[0] for line in problems] == [
        *("Prompts", "Database", "Engine"),  # the demo needs its prompts
    ]
    assert f"127.0.0.1:{port} cannot be used" in result.output
    assert "  -> " in result.output
    assert result.output.splitlines()[-1] == "3 problems."


def test_doctor_tells_of_a_server_that_does_not_answer() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    result = call("doctor", "--engine", "openai", "--base-url", url, "--api-key", KEY)
    assert result.exit_code == 1
    assert KEY not in result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("problem"))
    assert "Engine" in line


def test_doctor_fetches_no_model(empty_folder: Path) -> None:
    result = call("doctor", "--engine", "llama-cpp", "--port", str(free_port()))
    assert result.exit_code == 0  # the first start fetches it
    assert "is not here yet (1.1 GB)" in result.output
    assert "perm-chat models pull" in result.output
    assert not (empty_folder / "models_dir").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# models


def test_models_are_listed_with_size_licence_and_whether_they_are_here(
    empty_folder: Path,
) -> None:
    (empty_folder / "models_dir").mkdir()
    result = call("models", "list")
    assert result.exit_code == 0
    for entry in catalogue.entries():
        assert entry.name in result.output
        assert entry.licence in result.output
    assert "1.1 GB" in result.output


def test_adapters_are_listed_beside_their_backbone(empty_folder: Path) -> None:
    place = empty_folder / "models_dir" / FOLDER
    checkpoints.write_adapter(place / "warm", checkpoints.lora_tensors())
    checkpoints.write_adapter(place / "hollow", checkpoints.hollowed(checkpoints.lora_tensors()))
    result = call("models", "list")
    assert result.exit_code == 0
    base = checkpoints.LORA["base_model_name_or_path"]
    assert f"warm  LoRA adapter; rank 4; for vllm or transformers; here\n    Beside {base}" in (
        result.output
    )
    assert "hollow  LoRA adapter; it cannot be served\n    " in result.output


def test_doctor_says_what_can_be_chosen(empty_folder: Path) -> None:
    result = call("doctor", "--port", str(free_port()))
    assert "It offers scripted; " in result.output
    assert "A conversation gets scripted unless another is chosen." in result.output


def test_a_wrong_file_is_found_out(empty_folder: Path) -> None:
    (empty_folder / "models_dir").mkdir()
    file = empty_folder / "models_dir" / catalogue.SMOLLM.file
    file.write_bytes(b"\0" * 1000)
    result = call("models", "check", catalogue.SMOLLM.name)
    assert result.exit_code == 1
    assert catalogue.SMOLLM.name in result.output
    assert call("models", "check", catalogue.QWEN.name).exit_code == 1
    assert call("models", "check", "no-such-model").exit_code == 2


@pytest.mark.slow
def test_score_survives_being_killed(empty_folder: Path) -> None:
    source = records(empty_folder / "in.jsonl", 16)
    out = empty_folder / "out.jsonl"
    command = [sys.executable, "-c", "from chat.cli import cli; cli()", "score", source]
    for enough in (3, 8):
        process = subprocess.Popen([*command, "--out", str(out)], stderr=subprocess.DEVNULL)
        try:
            while not out.exists() or out.read_bytes().count(b"\n") < enough:
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
    done = out.read_bytes().count(b"\n")
    assert 8 <= done < 16
    result = call("score", source, "--out", str(out))
    assert f"16 lines: {16 - done} judged, {done} done before." in result.stdout
    ids = [json.loads(line)["id"] for line in out.read_text("utf-8").splitlines()]
    assert sorted(ids) == list(range(16))
