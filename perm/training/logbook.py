"""The run's log: one JSON line a step, and the same record for whoever shows progress."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from perm.types import Perspective, Value

if TYPE_CHECKING:
    from transformers import TrainerCallback

NAMES: Final[Mapping[str, str]] = {
    "reward": "reward",
    "reward_std": "reward_std",
    **{f"perm/{perspective}": perspective.value for perspective in Perspective},
    "perm/unscored": "unscored",
    "perm/malformed": "malformed",
    "perm/left_out": "left_out",
    "completions/mean_length": "tokens",
    "completions/clipped_ratio": "cut_off",
    "kl": "kl",
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "step_time": "seconds",
}
"""TRL's names, and ours."""


class Step(Value):
    """What one log entry says. `values` are means over the completions since the last one."""

    step: int
    steps: int
    values: Mapping[str, float | None]

    @property
    def line(self) -> str:
        """One line for people: reward, the four means, what was left out, length."""
        parts = [f"reward {_shown(self.values.get('reward'), 3)}"]
        parts += [
            f"{perspective} {_shown(self.values.get(perspective.value), 1)}"
            for perspective in Perspective
        ]
        for share in ("unscored", "malformed"):
            parts.append(f"{share} {100 * (self.values.get(share) or 0):.0f} %")
        parts.append(f"{_shown(self.values.get('tokens'), 0)} tokens")
        return "  ".join(parts)


OnStep = Callable[[Step], None]


class Logbook:
    """`log.jsonl` in the run's workspace: a line of what the run is, then a line a step."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def begin(self, about: Mapping[str, Any], resumed_at: int = 0) -> None:
        """A new log; of one that is gone on with, the steps before the checkpoint stay."""
        kept = [entry for entry in read_log(self._file) if _before(entry, resumed_at)]
        head = {"run": dict(about), "began": round(time.time())}
        lines = [*kept, head] if resumed_at else [head]
        self._file.write_text("".join(map(_json_line, lines)), "utf-8")

    def add(self, entry: Mapping[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(_json_line(entry))


def read_log(file: Path) -> list[dict[str, Any]]:
    """What a log holds; of a line that was cut off in the middle, nothing."""
    entries = []
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return []
    for line in text.splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def log_callback(logbook: Logbook, on_step: OnStep) -> TrainerCallback:
    """The callback that writes it, on the first process alone."""
    from transformers import TrainerCallback  # noqa: PLC0415 - takes seconds

    class LogCallback(TrainerCallback):
        def on_log(
            self,
            args: Any,  # noqa: ANN401 - transformers' own types, which are not typed
            state: Any,  # noqa: ANN401
            control: Any,  # noqa: ANN401
            logs: Mapping[str, Any] | None = None,
            **_: Any,  # noqa: ANN401
        ) -> None:
            if not state.is_world_process_zero or not logs or "reward" not in logs:
                return
            values = {ours: _number(logs.get(theirs)) for theirs, ours in NAMES.items()}
            step = Step(step=state.global_step, steps=state.max_steps, values=values)
            logbook.add({"step": step.step, **values})
            on_step(step)

    return LogCallback()


def _before(entry: Mapping[str, Any], resumed_at: int) -> bool:
    step = entry.get("step")
    return step is None or step <= resumed_at


def _number(value: object) -> float | None:
    """A number that JSON can hold; what nobody could score has none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _json_line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, allow_nan=False) + "\n"
