"""The circle closes: what was trained is in the catalogue, is chosen, and talks as it learned to.

A tiny model and a scripted judge with a taste; all else is what people get: `perm-chat train`, the
engine `transformers`, the session, the page. The arena is not asked: untrained, so tiny a model
writes no reply that could be compared.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from chat.cli import cli
from chat.engines.lora import FOLDER
from chat.services import Services
from chat.settings import EngineName, Scoring, Settings
from chat.store.records import Consents, Reply
from tests.browser.conftest import browser, page, watch
from tests.browser.steps import keep, rows, say
from tests.support.app import App, running_app
from tests.support.fragment_model import WARM, write_fragment_model
from tests.support.openai_server import ScriptedServer, running
from tests.support.preferring_judge import preferring_script
from tests.training.conftest import QUICK, taste

__all__ = ["browser", "page", "watch"]

pytestmark = [pytest.mark.train, pytest.mark.slow]

BASE, NAME, OWNER = "tiny", "warm", "olga"
MESSAGES = tuple(f"I am tired, {number}." for number in range(6))
STEPS = 12
LENGTH = 16
"""Tokens of a reply, at most: the fewest that can be set. One in the format is four and its end."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the tiny model, and prompts to train it on."""
    place = tmp_path_factory.mktemp("circle")
    write_fragment_model(place / "models" / BASE, context=4096)
    record = {"persona": {"identity": "a nurse"}, "scenario": "late"}
    lines = (json.dumps({**record, "dialogue": [message]}) + "\n" for message in MESSAGES * 8)
    (place / "prompts.jsonl").write_text("".join(lines), "utf-8")
    settings = QUICK | {"max_steps": STEPS}
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())
    (place / "trl.yaml").write_text(text, "utf-8")
    return place


def train(home: Path, url: str) -> None:
    options = {
        "--name": NAME,
        "--base": str(home / "models" / BASE),
        "--judge-base-url": url,
        "--judge-model": "scripted",
        "--method": "reasoned",
        "--data-dir": str(home / "training"),
        "--models-dir": str(home / "models"),
        "--trl-config": str(home / "trl.yaml"),
    }
    flat = [word for option in options.items() for word in option]
    result = CliRunner().invoke(cli, ["train", str(home / "prompts.jsonl"), *flat])
    assert result.exit_code == 0, result.output


async def close_the_circle(home: Path) -> None:
    judge = ScriptedServer(preferring_script(taste), logprobs=False, prefix="refuse")
    async with running(judge):
        await asyncio.to_thread(train, home, judge.url)
        services = await Services.start(
            Settings(
                engine=EngineName.TRANSFORMERS,
                model=str(home / "models" / BASE),
                judge_base_url=judge.url,
                judge_model="scripted",
                method=Scoring.REASONED,
                models_dir=home / "models",
                data_dir=home / "data",
                max_tokens=LENGTH,
                temperature=0.7,
                threads=1,
            )
        )
        try:
            await services.supporter.ready()
            assert [one.name for one in services.supporter.models] == [BASE, NAME]
            await talks_better(services)
        finally:
            await services.stop()


async def talks_better(services: Services) -> None:
    """The adapter, chosen for a conversation, gets the reward that it was trained for."""
    rewards: dict[str, list[float | None]] = {BASE: [], NAME: []}
    for model, found in rewards.items():
        for message in MESSAGES:
            place = await services.session.begin(OWNER, "a nurse", "late", Consents(), model)
            async for _ in services.session.run_turn(OWNER, place.id, message):
                pass
            (turn,) = await services.session.path(OWNER, place.id)
            reply = turn.chosen
            assert reply is not None
            assert reply.model == model
            found.append(reward_of(reply))
    sys.stdout.write(f"\nrewards: {rewards}\n")
    # The backbone's replies often lack the format, and with it a reward: that counts as none here.
    base, trained = (sum(reward or 0.0 for reward in rewards[name]) for name in (BASE, NAME))
    assert trained > base


def reward_of(reply: Reply) -> float | None:
    return reply.reward.total if reply.reward else None


def test_what_was_trained_is_offered_and_earns_the_reward_it_was_trained_for(home: Path) -> None:
    asyncio.run(close_the_circle(home))


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[App]:
    """The app as people start it, after the training; scripted scores are enough here."""
    if not (home / "models" / FOLDER / NAME).is_dir():
        pytest.skip("the training before this test did not end well")
    options = ("--engine", "transformers", "--model", str(home / "models" / BASE))
    more = ("--judge-engine", "scripted", "--models-dir", str(home / "models"))
    with running_app(home / "app", *options, *more, "--max-tokens", str(LENGTH)) as started:
        yield started


@pytest.mark.browser
def test_it_is_chosen_on_the_page(app: App, page: Page) -> None:
    keep(page)
    page.get_by_label("Toggle Sidebar").click()
    page.locator("#model input").click()
    page.get_by_role("option", name=f"{NAME} (LoRA adapter of {BASE})").click()
    page.get_by_label("Toggle Sidebar").click()
    say(page, "I am tired.", 1)
    expect(page.locator("#chat")).to_contain_text(WARM.strip())
    assert [tuple(row) for row in rows(app, "SELECT model FROM reply")] == [(NAME,)]
