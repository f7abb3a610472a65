"""`perm-chat models check FOLDER`: a checkpoint examined before it is served."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from chat.cli import cli
from tests.support import checkpoints

pytestmark = pytest.mark.unit


def check(folder: Path) -> tuple[int, str]:
    ran = CliRunner().invoke(cli, ["models", "check", str(folder)])
    return ran.exit_code, ran.output


def test_a_sound_checkpoint_is_said_to_be_sound(tmp_path: Path) -> None:
    checkpoints.write_model(tmp_path, checkpoints.qwen2_tensors(), checkpoints.QWEN2)
    code, said = check(tmp_path)
    assert code == 0
    assert "sound" in said and "parameters" in said


def test_a_hollow_one_ends_with_what_is_wrong_and_what_to_use_instead(tmp_path: Path) -> None:
    checkpoints.write_model(
        tmp_path, checkpoints.hollowed(checkpoints.qwen2_tensors()), checkpoints.QWEN2
    )
    code, said = check(tmp_path)
    assert code == 1
    assert "not fit" in said and "Qwen/Qwen2.5-7B-Instruct" in said
