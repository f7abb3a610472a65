"""Does training raise PERM's reward? GRPO with a scripted judge whose taste can be learned.

    python -m bench.training                                   # a tiny random model
    python -m bench.training --model smollm2-135m-instruct     # slow; primed first (bench.priming)

The judge likes warm words (tiny) or a Response that asks a question (the small model). It is a rule
and no opinion of anybody's, so that a rising curve shows one thing alone: that what is rewarded is
what the model comes to do.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from bench.priming import prime
from chat.settings import Settings
from chat.training import Backbone, backbone_for
from perm.training import PermReward, Plan, train
from perm.training.logbook import read_log
from tests.support.fragment_model import write_fragment_model
from tests.support.preferring_judge import preferring_judge

TINY: Final = "tiny"
SMALL: Final = "smollm2-135m-instruct"
EDGE: Final = 3
"""Steps at each end whose mean is compared."""
COMMON: Final[dict[str, Any]] = {
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "save_strategy": "no",
    "use_cpu": True,
}
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    TINY: COMMON
    | {
        "learning_rate": 5e-3,
        "max_completion_length": 4,
        "per_device_train_batch_size": 8,
    },
    SMALL: COMMON
    | {
        "learning_rate": 3e-4,
        "max_completion_length": 32,
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1,
    },
}
EARLIER: Final = "# Analysis\nTired.\n\n# Response\nI am here with you."
"""An earlier reply in the format: a model this small follows what it sees, not what it is told."""
WORRIES: Final = (
    "My sister does not call any more.",
    "I failed the exam again.",
    "My dog died on Sunday.",
    "Nobody at work talks to me.",
    "I have to move to a city that I do not know.",
    "My father is ill and far away.",
)


def likes_a_question(part: str) -> float:
    return 1.0 if "?" in part else 0.25


def likes_warm_words(part: str) -> float:
    return 1.0 if "tired" in part and "form" not in part else 0.25


def rows() -> list[dict[str, Any]]:
    """Each a second turn, after an earlier one in the format."""
    first = "I am so tired."
    return [
        {
            "prompt": [
                {"role": "user", "content": first},
                {"role": "assistant", "content": EARLIER},
                {"role": "user", "content": worry},
            ],
            "message": worry,
            "history": [{"message": first, "response": EARLIER.rpartition("\n")[2]}],
        }
        for worry in WORRIES * 40
    ]


def curve(backbone: Backbone, name: str, seed: int, steps: int) -> list[dict[str, Any]]:
    """The log of one run, a step an entry."""
    with tempfile.TemporaryDirectory() as place:
        return trained(backbone, name, seed, steps, Path(place) / "adapter")


def trained(
    backbone: Backbone, name: str, seed: int, steps: int, result: Path
) -> list[dict[str, Any]]:
    """The same; the adapter stays in the folder `result`."""
    taste = likes_warm_words if name == TINY else likes_a_question
    with tempfile.TemporaryDirectory() as place:
        plan = Plan(
            base=backbone.place,
            base_name=backbone.name,
            workspace=Path(place) / "run",
            result=result,
            seed=seed,
            trl=SETTINGS[name] | {"max_steps": steps},
        )
        reward = PermReward(preferring_judge(taste))
        finished = train(
            plan, rows(), reward, on_step=lambda one: print(one.step, one.line, flush=True)
        )
        return [entry for entry in read_log(finished.log) if "step" in entry]


def edges(entries: Sequence[dict[str, Any]], value: str = "reward") -> tuple[float, float]:
    """The means of the first and of the last steps."""
    found = [entry[value] for entry in entries if entry[value] is not None]
    return fmean(found[:EDGE]), fmean(found[-EDGE:])


def report(name: str, curves: dict[int, list[dict[str, Any]]]) -> str:
    seeds = list(curves)
    lines = [
        f"## {name}",
        "",
        f"Command: `python -m bench.training --model {name} --seeds {' '.join(map(str, seeds))} "
        f"--steps {len(curves[seeds[0]])}`",
        "",
        f"| seed | reward, first {EDGE} steps | reward, last {EDGE} steps | "
        f"malformed, first {EDGE} | malformed, last {EDGE} |",
        "| --- | --- | --- | --- | --- |",
    ]
    for seed, entries in curves.items():
        (begun, ended), (before, after) = edges(entries), edges(entries, "malformed")
        lines.append(f"| {seed} | {begun:.3f} | {ended:.3f} | {before:.0%} | {after:.0%} |")
    lines += ["", f"| step | {' | '.join(f'seed {seed}' for seed in seeds)} | mean |"]
    lines += ["| --- " * (len(seeds) + 2) + "|"]
    for step, entries in enumerate(zip(*curves.values(), strict=True), start=1):
        values = [entry["reward"] for entry in entries]
        shown = " | ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {step} | {shown} | {fmean(values):.3f} |")
    return "\n".join([*lines, ""])


def backbone_of(name: str, place: Path) -> Backbone:
    """What is trained; whatever it is made of lies in `place`."""
    if name == TINY:
        return Backbone(name=TINY, place=str(write_fragment_model(place / TINY)))
    found = asyncio.run(backbone_for(name, Settings().models_dir, print))
    return Backbone(name=SMALL, place=prime(found.place, WORRIES, place))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", choices=[TINY, SMALL], default=TINY)
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options.add_argument("--steps", type=int, default=15)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        backbone = backbone_of(given.model, Path(place))
        curves = {seed: curve(backbone, given.model, seed, given.steps) for seed in given.seeds}
    print(report(given.model, curves))


if __name__ == "__main__":
    main()
