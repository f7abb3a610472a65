"""The circle closed with a real small model: primed, trained, served by its backbone, voted on.

    python -m bench.circle --steps 12 --seed 1

SmolLM2-135M reads the format (bench.priming), GRPO with PERM's reward trains an adapter on a judge
that likes a Response with a question in it (bench.training), one engine serves both, and in the
arena a rater who sees the masked replies and nothing else votes for the one that asks.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.priming import prime
from bench.training import SMALL, WORRIES, likes_a_question, trained
from chat.arena.results import Results
from chat.engines.lora import FOLDER
from chat.services import Services
from chat.settings import EngineName, Scoring, Settings
from chat.store.study_records import Choice, Margin, NewStudy, NewVote, Sheet, Study, StudyPrompt
from chat.training import Backbone, backbone_for
from perm.statistics import percent
from tests.support.openai_server import ScriptedServer, running
from tests.support.preferring_judge import preferring_script

BASE: Final = "primed"
NAME: Final = "asks"
OWNER: Final = "researcher"
RATER: Final = "rater"
PROMPTS: Final = tuple(
    StudyPrompt(persona=persona, message=worry)
    for persona in ("a nurse", "a student")
    for worry in WORRIES
)


async def circle(home: Path, seed: int, steps: int) -> Results:
    """What the arena says of the adapter (a) against its backbone (b)."""
    models = home / "models"
    found = await backbone_for(SMALL, Settings().models_dir, print)
    await asyncio.to_thread(prime, found.place, WORRIES, models)
    backbone = Backbone(name=str(models / BASE), place=str(models / BASE))
    result = models / FOLDER / NAME
    for entry in await asyncio.to_thread(trained, backbone, SMALL, seed, steps, result):
        print(entry["step"], entry["reward"], flush=True)
    judge = ScriptedServer(preferring_script(likes_a_question), logprobs=False, prefix="refuse")
    async with running(judge):
        services = await Services.start(settings_of(home, judge.url))
        try:
            await services.supporter.ready()
            study = await studied(services)
            await voted(services, study)
            return await services.arena.results(OWNER, study.id)
        finally:
            await services.stop()


def settings_of(home: Path, judge: str) -> Settings:
    return Settings(
        engine=EngineName.TRANSFORMERS,
        model=str(home / "models" / BASE),
        judge_base_url=judge,
        judge_model="scripted",
        method=Scoring.REASONED,
        models_dir=home / "models",
        data_dir=home / "data",
        context_tokens=2048,
        max_tokens=48,
    )


async def studied(services: Services) -> Study:
    """A study of the two, once all its replies are written and judged."""
    prompt = services.rubrics.supporter
    a, b = [await services.arena.contestants.contestant(name, prompt.hash) for name in (NAME, BASE)]
    study = await services.arena.create(OWNER, NewStudy(name="The circle", a=a, b=b), PROMPTS)
    while True:
        summary = await services.arena.summary(OWNER, study.id)
        if summary.ready + summary.failed == summary.items:
            print(f"{summary.ready} of {summary.items} prompts answered by both", flush=True)
            return study
        await asyncio.sleep(1.0)


async def voted(services: Services, study: Study) -> None:
    arena = services.arena
    await arena.join(study.token, RATER)
    while (sheet := await arena.next_sheet(study.token, RATER)) is not None:
        await arena.vote(study.token, RATER, sheet.comparison_id, vote_on(sheet))


def vote_on(sheet: Sheet) -> NewVote:
    left, right = "?" in sheet.left, "?" in sheet.right
    if left is right:
        return NewVote(choice=Choice.TIE if left else Choice.BOTH_BAD)
    return NewVote(choice=Choice.LEFT if left else Choice.RIGHT, margin=Margin.CLEAR)


def told(found: Results) -> str:
    return (
        f"{found.votes} votes: adapter {found.a_wins}, backbone {found.b_wins}, "
        f"ties {found.ties}, both bad {found.both_bad}; adapter preferred in "
        f"{percent(found.decided)} of the decided; the higher reward won in {percent(found.reward)}"
    )


def main(given: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m bench.circle", description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--steps", type=int, default=12)
    asked = options.parse_args(given)
    with tempfile.TemporaryDirectory() as home:
        print(told(asyncio.run(circle(Path(home), asked.seed, asked.steps))))


if __name__ == "__main__":
    main()
