"""Loading a model into this process: what is refused before, and its bounds after."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

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


class OfAnOldLibrary:
    """A model as transformers made it before it called the kept prefix `cache`."""

    config = SimpleNamespace(model_type="qwen2", get_text_config=SimpleNamespace)

    def eval(self) -> None: ...

    def forward(self, position_ids: Any, past_key_values: Any, logits_to_keep: Any) -> None: ...


class OfAnotherKind(OfAnOldLibrary):
    def forward(self, cache_params: Any) -> None: ...  # type: ignore[override]


@pytest.mark.parametrize(
    ("made", "what", "todo"),
    [
        (OfAnOldLibrary, "too old", "pip install"),
        (OfAnotherKind, "models of the kind qwen2", "Serve it with vLLM"),
    ],
)
def test_an_old_library_is_told_from_a_foreign_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, made: type, what: str, todo: str
) -> None:
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: made())
    refused = failure(folder)
    assert what in refused.what
    assert todo in refused.todo
