"""Who may judge again: the models of the engines that run here, and the versions of the prompts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from perm import rubric_versions
from perm.rubrics import Rubrics
from perm.types import Part, PermError, Value

if TYPE_CHECKING:
    from chat.engines.base import Engine
    from chat.serving import Serving

IN_USE: Final = ""
"""The judge, or the prompts, that the settings name."""


class NoJudge(PermError):
    """A judge or a version of the prompts that was asked for is not there."""

    part = Part.INPUT


class JudgeChoice(Value):
    """`judge`: a name that `judges` gives; `prompts`: one that `prompts` gives; "": as set."""

    judge: str = IN_USE
    prompts: str = IN_USE


class OfferedJudge(Value):
    """`name` is what is asked for and stored with each verdict; `title` is for people."""

    name: str
    title: str


class Judges:
    """What can be asked for. The supporter's model can judge as well, where it is another one."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def judges(self) -> list[OfferedJudge]:
        """The one that is set comes first; complete once the engines are ready."""
        found = {
            model.name: OfferedJudge(name=model.name, title=model.title)
            for engine in (self._serving.judge_engine, self._serving.supporter)
            for model in reversed(engine.models)
        }
        first = found.pop(self._serving.judge_engine.model_name, None)
        listed = list(found.values())
        return [first, *listed] if first else listed

    async def prompts(self) -> list[str]:
        """The versions besides the one in use."""
        folder = self._serving.settings.prompts_dir
        return await asyncio.to_thread(rubric_versions.version_names, folder)

    async def titles(self) -> dict[str, str]:
        """The name of each known prompt by its hash; "" for one in use."""
        serving = self._serving
        folder = serving.settings.prompts_dir
        return await asyncio.to_thread(rubric_versions.names_by_hash, folder, serving.rubrics)

    def engine(self, judge: str) -> Engine:
        """The engine that serves this judge; the judge's own comes first. Raises `NoJudge`."""
        serving = self._serving
        if judge == IN_USE:
            return serving.judge_engine
        for engine in (serving.judge_engine, serving.supporter):
            if judge in {model.name for model in engine.models}:
                return engine
        offered = ", ".join(one.name for one in self.judges())
        raise NoJudge(f"There is no judge {judge!r} here.", f"Choose one of these: {offered}.")

    async def rubrics(self, prompts: str) -> Rubrics:
        """All prompts in this version. Raises `PromptError`."""
        serving = self._serving
        if prompts == IN_USE:
            return serving.rubrics
        folder = serving.settings.prompts_dir
        return await asyncio.to_thread(rubric_versions.version, folder, prompts, serving.rubrics)
