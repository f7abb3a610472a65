"""Settings: their order, their refusals, and keys that are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.settings import EngineName, Settings, SettingsError, load
from perm.types import RewardMode

pytestmark = pytest.mark.unit

CANARY = "sk-canary-3f9a"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PERM_CHAT_{name.upper()}", raising=False)


def test_flags_beat_variables_beat_the_file_beat_the_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "perm-chat.toml").write_text('model = "file"\nport = 1111\nhost = "::1"\n')
    monkeypatch.setenv("PERM_CHAT_MODEL", "variable")
    monkeypatch.setenv("PERM_CHAT_PORT", "2222")
    settings = load(model="flag")
    assert (settings.model, settings.port, settings.host) == ("flag", 2222, "::1")
    assert settings.engine is EngineName.LLAMA_CPP


def test_a_flag_that_was_not_given_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERM_CHAT_MODEL", "variable")
    assert load(model=None).model == "variable"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not there"):
        load(tmp_path / "absent.toml")


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("port = = 3")
    with pytest.raises(SettingsError, match=r"broken\.toml"):
        load(broken)


@pytest.mark.parametrize(
    ("name", "value"), [("port", 99999), ("method", "guess"), ("prot", 1), ("judge_top_p", 0)]
)
def test_a_wrong_setting_is_named(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        load(None, **{name: value})


def test_a_key_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PERM_CHAT_API_KEY", CANARY)
    settings = load(judge_api_key=CANARY)
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert CANARY not in shown
    assert settings.api_key.get_secret_value() == CANARY
    (tmp_path / "perm-chat.toml").write_text(f'api_key = ["{CANARY}"]')
    monkeypatch.delenv("PERM_CHAT_API_KEY")
    with pytest.raises(SettingsError) as wrong:
        load()
    assert CANARY not in str(wrong.value)


def test_the_judge_is_the_supporter_unless_something_of_it_is_set() -> None:
    assert load().judge_is_supporter
    assert not load(judge_model="gpt-4o-mini").judge_is_supporter


def test_reward_settings_go_through() -> None:
    reward = load(reward_mode="geometric", reward_bystander_coefficient=0.5).reward
    assert reward.mode is RewardMode.GEOMETRIC
    assert reward.bystander_coefficient == 0.5
