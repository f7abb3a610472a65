"""LoRA adapters beside one loaded backbone: each row of a batch is read with its own, or with none.

Nothing is switched between two calls, so that none can meet another's adapter.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import Field
from safetensors import SafetensorError

from perm.types import Value

log = logging.getLogger(__name__)

BACKBONE: Final = "__base__"
"""peft's own word for a row without an adapter."""

UNFIT: Final = (ValueError, RuntimeError, KeyError, TypeError, OSError, SafetensorError)
"""What peft raises for an adapter of another shape, kind or version."""


AS_IT_SERVES: Final = {"autocast_adapter_dtype": False}
"""Weights of the backbone's own type: widened ones are for training."""


class Adapters(Value):
    """Those that were loaded, by name.

    peft knows each by a mark of ours: a name may hold a dot, which a module's cannot.
    """

    marks: Mapping[str, str] = Field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.marks)

    def told(self, rows: Sequence[str]) -> dict[str, Any]:
        """What the model must be told of a batch whose rows have these; "" is the backbone."""
        if not self.marks:
            return {}
        return {"adapter_names": [self.marks.get(name, BACKBONE) for name in rows]}


def put_beside(model: Any, folders: Mapping[str, Path]) -> tuple[Any, Adapters]:  # noqa: ANN401
    """The model with these adapters. One that does not fit is left out, which the log says."""
    whole: Any = model
    marks: dict[str, str] = {}
    for number, (name, folder) in enumerate(folders.items()):
        mark = f"adapter{number}"
        try:
            whole = _widened(whole, folder, mark, bare=not marks)
            whole.load_adapter(str(folder), mark, torch_device=str(model.device), **AS_IT_SERVES)
        except UNFIT as error:
            log.warning("the adapter %s does not fit the model (%s)", name, type(error).__name__)
            whole = _without(whole, mark)
        else:
            marks[name] = mark
    whole.eval()
    return whole, Adapters(marks=marks)


def _widened(whole: Any, folder: Path, mark: str, *, bare: bool) -> Any:  # noqa: ANN401
    """With room for an adapter of that form, nothing in it yet."""
    from peft import LoraConfig, PeftModelForCausalLM  # noqa: PLC0415 - slow, and seldom wanted

    config = LoraConfig.from_pretrained(str(folder), inference_mode=True)
    if config.use_dora:
        raise ValueError("the rows of a batch cannot have different ones of that kind")
    if bare:
        return PeftModelForCausalLM(whole, config, mark, **AS_IT_SERVES)
    whole.add_adapter(mark, config, **AS_IT_SERVES)
    return whole


def _without(whole: Any, mark: str) -> Any:  # noqa: ANN401
    """What is left when one is taken out: the bare backbone where it was the only one."""
    from peft import PeftModel  # noqa: PLC0415 - as above

    if not isinstance(whole, PeftModel) or mark not in whole.peft_config:
        return whole
    if len(whole.peft_config) == 1:
        return whole.unload()
    whole.delete_adapter(mark)
    return whole
