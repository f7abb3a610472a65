"""One conversation of three turns, held with any engine through the door that the page uses."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Final

from chat import events
from chat.services import Services
from chat.settings import Settings
from chat.store.records import Consents
from perm.types import Perspective, Unscored, Verdict

OWNER: Final = "ada"
MESSAGES: Final = (
    "My dog died yesterday. The house is so quiet.",
    "He waited for me at the door every evening.",
    "I do not know what to do with his things.",
)
OURS: Final = (Unscored.ENGINE, Unscored.UNSUPPORTED, Unscored.CANCELLED)
"""Reasons that a small model is no excuse for: the call failed, or was not made."""


async def hold_conversation(settings: Settings) -> list[Verdict]:
    """Hold it, look at every event and row, start again and find them. All verdicts."""
    first = await Services.start(settings)
    try:
        await first.supporter.ready()
        place = await first.session.begin(
            OWNER, "a nurse of 40", "Her dog has died.", Consents(keep=True)
        )
        verdicts = []
        for message in MESSAGES:
            seen = [event async for event in first.session.run_turn(OWNER, place.id, message)]
            verdicts += in_order(seen)
        before = await first.session.path(OWNER, place.id)
    finally:
        await first.stop()
    assert [turn.message for turn in before] == list(MESSAGES)
    for turn in before:
        assert turn.chosen is not None
        assert turn.chosen.raw
        assert turn.chosen.engine == settings.engine
        assert set(turn.chosen.binding) == set(Perspective)
    second = await Services.start(settings)
    try:
        assert await second.session.path(OWNER, place.id) == before
    finally:
        await second.stop()
    report(settings, verdicts)
    return verdicts


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


def report(settings: Settings, verdicts: list[Verdict]) -> None:
    """How many were scored, and why the others were not; shown with `pytest -s`."""
    why = Counter(str(verdict.unscored) for verdict in verdicts if not verdict.scored)
    scored = sum(verdict.scored for verdict in verdicts)
    sys.stdout.write(
        f"\n[{settings.engine}] {scored} of {len(verdicts)} verdicts scored; {dict(why)}\n"
    )
