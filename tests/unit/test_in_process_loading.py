"""Loading a model into this process: what is refused before, and its bounds after."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.engines.in_process import loading
from chat.engines.in_process.loading import Plan, load
from perm.types import EngineError, EngineFault
from tests.support.in_process import folder
from tests.support.tiny_model import write_tiny_model

__all__ = ["folder"]

pytestmark = pytest.mark.unit


def failure(folder: Path) -> EngineError:
    with pytest.raises(EngineError) as refused:
        load(Plan(place=str(folder), revision=None, context_tokens=2048, threads=1), lambda _: None)
    assert refused.value.fault is EngineFault.NOT_READY
    return refused.value


def test_what_does_not_fit_is_refused_before_it_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "free_bytes", lambda _: 1000)
    assert "GB of memory" in failure(folder).what


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / "chat_template.jinja").unlink()
    assert "chat template" in failure(folder).what


def test_a_sliding_window_bounds_the_context(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, sliding_window=300)
    plan = Plan(place=str(folder), revision=None, context_tokens=2048)
    assert load(plan, lambda _: None).context == 300
