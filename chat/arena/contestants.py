"""Who can be put against whom: the models of the supporter's engine, the versions of its prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from chat.serving import Serving
from chat.store import Store
from chat.store.study_records import Contestant
from chat.voice import Voice
from perm.rubrics import SUPPORTER, SupporterPrompt, supporter_prompt
from perm.types import Part, PermError, Value

SHIPPED: Final = "the prompt in use"


class NoContestant(PermError):
    """A model or a prompt that a study names is not there."""

    part = Part.SETTINGS


class PromptVersion(Value):
    """A version of the supporter's prompt. `title` is for people."""

    title: str
    prompt: SupporterPrompt


class Contestants:
    """Versions of the prompt are the one in use and each further `supporter*.md` beside it."""

    def __init__(self, serving: Serving, store: Store) -> None:
        self._serving, self._store = serving, store

    def models(self) -> list[tuple[str, str]]:
        """Title and name of every model that can answer."""
        return [(one.title, one.name) for one in self._serving.supporter.models]

    async def prompts(self) -> list[PromptVersion]:
        """The one in use first. Each is kept by its hash, so that a study finds it again."""
        folder = self._serving.settings.prompts_dir
        found = [PromptVersion(title=SHIPPED, prompt=self._serving.rubrics.supporter)]
        for path in await asyncio.to_thread(_beside, folder):
            text = await asyncio.to_thread(path.read_text, encoding="utf-8")
            found.append(PromptVersion(title=path.stem, prompt=supporter_prompt(text, path.name)))
        for one in found:
            await self.keep(one.prompt)
        return found

    async def keep(self, prompt: SupporterPrompt) -> None:
        await self._store.save_prompt(prompt.hash, SUPPORTER, prompt.text)

    async def contestant(self, model: str, prompt_hash: str) -> Contestant:
        """One contestant, named for people. Raises `NoContestant` for what is not there."""
        models = {name: title for title, name in self.models()}
        versions = {one.prompt.hash: one.title for one in await self.prompts()}
        if model not in models:
            raise NoContestant(
                f"There is no model {model!r} here.", f"Choose one of these: {', '.join(models)}."
            )
        if prompt_hash not in versions:
            raise NoContestant(
                "This version of the prompt is not there.",
                f"Put it into {self._serving.settings.prompts_dir} as supporter-NAME.md.",
            )
        title = versions[prompt_hash]
        name = models[model] if title == SHIPPED else f"{models[model]}, {title}"
        return Contestant(name=name, model=model, prompt_hash=prompt_hash)

    async def voice(self, contestant: Contestant) -> Voice:
        """How a contestant answers. Raises `NoContestant` where it no longer can."""
        await self._serving.supporter.ready()
        if contestant.model not in {name for _, name in self.models()}:
            raise NoContestant(
                f"The model {contestant.model} is not served any more.",
                "Start perm-chat with it, and press Try again.",
            )
        text = await self._store.prompt(contestant.prompt_hash)
        if text is None:
            raise NoContestant("A version of the prompt is gone.", "Make the study anew.")
        return Voice(
            model=contestant.model,
            prompt=supporter_prompt(text),
            sampling=self._serving.sampling,
        )

    def names(self, *more: Contestant) -> set[str]:
        """What must not be read in a reply before the vote."""
        found = {text for pair in self.models() for text in pair}
        found |= {self._serving.judge_engine.model_name}
        return found | _names(more)


def _names(contestants: Iterable[Contestant]) -> set[str]:
    return {one.model for one in contestants}


def _beside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{SUPPORTER}*.md") if path.stem != SUPPORTER)
