"""Everything that runs behind the page, the API and the commands, composed once."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial

from pydantic import ValidationError

from chat import engines
from chat.accounts import Accounts
from chat.arena.arena import Arena
from chat.engines.base import Engine
from chat.logs.turns import TurnLog
from chat.metrics.counting import Counting
from chat.safety import patterns
from chat.serving import Serving
from chat.session import Session
from chat.settings import Settings
from chat.store import RENEW_SECONDS, Store, StoreError
from perm import rubrics
from perm.attack_report import AttackReport
from perm.judges import Judge
from perm.rubrics import Rubrics
from perm.selfcheck_report import SelfCheckReport
from perm.types import CheckKind, EngineError, Perspective

log = logging.getLogger(__name__)

IN_MEMORY = "sqlite:///:memory:"


@dataclass
class Services:
    """The parts, each by its name. `start` opens the stores and lets the engines come up."""

    settings: Settings
    rubrics: Rubrics
    supporter: Engine
    judge_engine: Engine
    store: Store
    session: Session
    counting: Counting = field(default_factory=Counting)

    @classmethod
    async def start(cls, settings: Settings) -> Services:
        """Open the stores, mark what an earlier end left half done, begin to load the models."""
        prompts = rubrics.load(settings.prompts_dir)
        await asyncio.to_thread(patterns.shipped)  # compiled now, not in somebody's first turn
        supporter = engines.build(settings, "supporter")
        judge = supporter if settings.judge_is_supporter else engines.build(settings, "judge")
        kept = await Store.open(settings.database, data_dir=settings.data_dir)
        unkept = await Store.open(IN_MEMORY)
        serving = Serving.compose(settings, prompts, supporter, judge)
        counting = Counting()
        session = Session(serving, kept, unkept, (counting, TurnLog()))
        services = cls(settings, prompts, supporter, judge, kept, session, counting)
        marked = await kept.mark_interrupted()
        if marked:
            log.info("%d replies were left half written; they are marked interrupted", marked)
        for store in (kept, unkept):
            await services._save_prompts(store)
        for engine in services.engines:
            await engine.start()
        services._renewing = asyncio.create_task(services._renew())
        services._warming = asyncio.create_task(services._warm())
        services.arena.start()
        return services

    selfcheck: SelfCheckReport | None = None
    """How far this judge could be trusted when it was last checked, with these prompts."""

    attacks: AttackReport | None = None
    """What attacks did to it when they were last tried."""

    _warming: asyncio.Task[None] | None = None
    _renewing: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.arena = Arena(self.session)
        self.accounts = Accounts(self.store)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines, one where it serves both."""
        same = self.judge_engine is self.supporter
        return (self.supporter,) if same else (self.supporter, self.judge_engine)

    async def stop(self) -> None:
        """Save what is being written, then stop the engines and close the stores."""
        if self._warming is not None:
            self._warming.cancel()
        await self.arena.stop()
        await self.session.close()
        for engine in self.engines:
            await engine.stop()
        if self._renewing is not None:
            self._renewing.cancel()
        await self.store.close()
        await self.session.unkept.close()

    async def _save_prompts(self, store: Store) -> None:
        prompts = self.rubrics
        await store.save_prompt(prompts.supporter.hash, "supporter", prompts.supporter.text)
        for perspective in Perspective:
            rubric = prompts[perspective]
            await store.save_prompt(rubric.hash, perspective.value, rubric.text)

    async def _renew(self) -> None:
        """Say every few seconds that this process lives, and end what others left behind."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                marked = await self.store.renew_claims()
            except StoreError as error:
                log.warning("claims could not be renewed: %s", error.fault)
            else:
                if marked:
                    log.info("%d replies of a process that ended are marked interrupted", marked)

    async def _recall_selfcheck(self) -> None:
        method = self.session.serving.method
        asked = (self.judge_engine.model_name, self.rubrics.judges_hash, method)
        attacked = await self.store.latest_selfcheck(*asked, CheckKind.ATTACKS)
        checked = await self.store.latest_selfcheck(*asked)
        try:
            self.selfcheck = SelfCheckReport.model_validate(checked) if checked else None
            self.attacks = AttackReport.model_validate(attacked) if attacked else None
        except ValidationError:
            log.warning("the last self-check was written by another version; run it again")

    async def _warm(self) -> None:
        """Have the prompts read once, so that the first turn is scored as quickly as the tenth."""
        serving = self.session.serving
        try:
            await serving.supporter.ready()
            await serving.line.opening(serving.warm_supporter)
            judge = await serving.judge()
            await self._recall_selfcheck()
            for perspective in Perspective:
                await serving.line.warming(partial(judge.warm, perspective))
            await serving.line.opening(partial(self._keep_openings, judge))
        except EngineError as error:
            log.warning("the models could not be warmed up: %s", error.fault)

    async def _keep_openings(self, judge: Judge) -> None:
        """Have the engines keep what reading the prompts gave, unless somebody spoke meanwhile."""
        serving = self.session.serving
        if serving.line.used:
            return
        judged = [judge.opening(perspective) for perspective in Perspective]
        if self.judge_engine is self.supporter:
            await self.supporter.keep([serving.opening, *judged])
        else:
            await self.supporter.keep([serving.opening])
            await self.judge_engine.keep(judged)
