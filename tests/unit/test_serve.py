"""Before the app serves: what it refuses, and what it says of being reached from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

import app
from chat.settings import EngineName, Settings, SettingsError
from tests.support.app import free_port

pytestmark = pytest.mark.unit


def settings(**changes: object) -> Settings:
    known = {"engine": EngineName.SCRIPTED, "port": free_port(), **changes}
    return Settings(**known)  # type: ignore[arg-type]


def test_nobody_is_let_in_from_elsewhere_by_mistake() -> None:
    with pytest.raises(SettingsError) as refused:
        app._check_address(settings(host="0.0.0.0"))
    assert "no password" in refused.value.what
    assert "--login" in refused.value.todo and "--public" in refused.value.todo


@pytest.mark.parametrize("allowed", ["login", "public"])
def test_a_login_or_a_clear_word_lets_people_in(allowed: str) -> None:
    app._check_address(settings(host="0.0.0.0", **{allowed: True}))


def test_what_it_means_is_said() -> None:
    assert app._warnings(settings()) == []
    public = " ".join(app._warnings(settings(host="0.0.0.0", public=True)))
    assert "there is no password" in public and "TLS" in public
    shared = " ".join(app._warnings(settings(host="0.0.0.0", login=True)))
    assert "no password" not in shared and "passwords too" in shared


async def test_a_login_without_accounts_would_let_nobody_in(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no accounts"):
        await app._serve(settings(data_dir=tmp_path, login=True))
