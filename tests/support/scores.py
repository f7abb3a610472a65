"""Files of records, scored by a scripted judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from chat.engines.scripted import CAPABILITIES, Script, ScriptedEngine
from chat.engines.scripted_demo import Demo
from chat.scoring import OutFile, Scorer, ScoreRun, Seats, Summary, method_for
from chat.settings import Scoring
from perm import rubrics
from perm.judges import Judge, JudgePolicy
from perm.rubrics import Rubrics
from perm.types import RewardSettings

ABOUT: Final = {"engine": "scripted", "model": "scripted", "method": "auto"}
REPLY: Final = (
    "# Analysis\nThey feel passed over.\n\n# Response\nThat hurts. What do you miss most?"
)


@pytest.fixture(scope="module")
def prompts() -> Rubrics:
    return rubrics.load(Path(__file__).parents[2] / "prompts")


@pytest.fixture
def demo(prompts: Rubrics) -> Demo:
    return Demo(prompts, pace=0)


class Watching:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.lines = 0
        self.bad: list[tuple[int, str]] = []

    def advanced(self) -> None:
        self.lines += 1

    def bad_line(self, number: int, why: str) -> None:
        self.bad.append((number, why))


def record(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "persona": {"identity": "a nurse"},
        "scenario": "After the night shift.",
        "dialogue": [f"They passed me over again, for the {number}. time."],
        "completion": REPLY,
        **fields,
    }


def write(path: Path, lines: Sequence[object]) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = path.read_bytes()
    assert text.isascii()
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def scorer_of(
    prompts: Rubrics,
    script: Script,
    scoring: Scoring = Scoring.AUTO,
    calls: int = 4,
    **can: Any,
) -> Scorer:
    capabilities = CAPABILITIES.model_copy(update=can)
    engine = ScriptedEngine(script, capabilities=capabilities)
    policy = JudgePolicy(retries=0)
    judge = Judge(engine.chat_model, engine.model_name, capabilities, prompts, policy)
    return Scorer(
        judge, method_for(scoring, capabilities), RewardSettings(), Seats(calls, most=calls)
    )


async def run(
    scorer: Scorer, source: Path, out: Path, watcher: Watching | None = None, **options: Any
) -> Summary:
    about = options.pop("about", ABOUT)
    score_run = ScoreRun(scorer, OutFile(out, about), watcher or Watching(), 4, **options)
    return await score_run.run(source)
