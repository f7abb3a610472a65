"""One conversation of three turns, held with any engine through the door that the page uses."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chat import events
from chat.services import Services
from chat.settings import EngineName, Settings
from chat.store.records import Consents, Turn
from perm.types import Perspective, Unscored, Verdict

OWNER: Final = "ada"
MESSAGES: Final = (
    "My dog died yesterday. The house is so quiet.",
    "He waited for me at the door every evening.",
    "I do not know what to do with his things.",
)
OURS: Final = (Unscored.ENGINE, Unscored.UNSUPPORTED, Unscored.CANCELLED)
"""Reasons that a small model is no excuse for: the call failed, or was not made."""


@dataclass(frozen=True)
class Held:
    """A conversation that took place: its turns as they were kept, and all their verdicts."""

    place: UUID
    turns: Sequence[Turn]
    verdicts: Sequence[Verdict]


async def hold_conversation(settings: Settings) -> Sequence[Verdict]:
    """Start, hold it, end, and find it again. All verdicts."""
    services = await Services.start(settings)
    try:
        held = await converse(services)
    finally:
        await services.stop()
    await find_again(settings, held)
    return held.verdicts


async def converse(services: Services, model: str | None = None) -> Held:
    """Hold it with what runs already, and look at every event and row."""
    settings, session = services.settings, services.session
    await services.supporter.ready()
    consents = Consents(keep=True)
    place = await session.begin(OWNER, "a nurse of 40", "Her dog has died.", consents, model)
    verdicts: list[Verdict] = []
    for message in MESSAGES:
        seen = [event async for event in session.run_turn(OWNER, place.id, message)]
        verdicts += in_order(seen)
    turns = await session.path(OWNER, place.id)
    assert [turn.message for turn in turns] == list(MESSAGES)
    for turn in turns:
        assert turn.chosen is not None
        assert turn.chosen.raw
        assert turn.chosen.engine == settings.engine
        assert turn.chosen.model == (model or services.supporter.model_name)
        assert set(turn.chosen.binding) == set(Perspective)
    report(settings, verdicts)
    return Held(place.id, turns, verdicts)


async def find_again(settings: Settings, held: Held) -> None:
    """What was held is there in another start, whatever serves that one."""
    other = {"engine": EngineName.SCRIPTED, "model": "", "base_url": ""}
    services = await Services.start(settings.model_copy(update=other))
    try:
        assert await services.session.path(OWNER, held.place) == held.turns
    finally:
        await services.stop()


def in_order(seen: list[events.TurnEvent]) -> list[Verdict]:
    """What `chat.events` promises of one turn; its verdicts."""
    assert not [event for event in seen if isinstance(event, events.TurnFailed)]
    assert isinstance(seen[0], events.TurnSaved)
    assert isinstance(seen[-1], events.TurnEnded)
    kinds = [type(event) for event in seen]
    done = kinds.index(events.ReplyDone)
    assert kinds.count(events.ReplyDone) == 1
    deltas = (events.AnalysisDelta, events.ResponseDelta)
    assert any(kind in deltas for kind in kinds[:done])
    assert not any(kind in deltas for kind in kinds[done:])
    rewarded = kinds.index(events.RewardReady)
    landed = [e.verdict for e in seen[:rewarded] if isinstance(e, events.VerdictLanded)]
    assert Counter(verdict.perspective for verdict in landed) == Counter(Perspective)
    for verdict in landed:
        assert verdict.scored or verdict.unscored not in OURS, verdict.error
    ready = seen[rewarded]
    assert isinstance(ready, events.RewardReady)
    missing = {verdict.perspective for verdict in landed if not verdict.scored}
    assert set(ready.missing) == missing
    assert (ready.reward is None) is bool(missing)
    return landed


def report(settings: Settings, verdicts: Sequence[Verdict]) -> None:
    """How many were scored, and why the others were not; shown with `pytest -s`."""
    why = Counter(str(verdict.unscored) for verdict in verdicts if not verdict.scored)
    scored = sum(verdict.scored for verdict in verdicts)
    sys.stdout.write(
        f"\n[{settings.engine}] {scored} of {len(verdicts)} verdicts scored; {dict(why)}\n"
    )
