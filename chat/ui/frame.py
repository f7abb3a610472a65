"""One scene as the values of the page's live parts: plain values, in a fixed order."""

from __future__ import annotations

from typing import NamedTuple

from chat.safety import Rest
from chat.ui.analysis_panel import analysis_panel
from chat.ui.crisis_card import Whereabouts, crisis_card
from chat.ui.laboratory_table import laboratory_table
from chat.ui.scene import Scene
from chat.ui.strip import under_conversation
from chat.ui.summary import spoken, summary
from chat.ui.transcript import Message, earlier, transcript
from chat.ui.trend import trend_panel
from chat.ui.turn_panel import JudgeNote, turn_panel
from perm.types import RewardSettings


class Frame(NamedTuple):
    """The order is that of `wiring.live_parts`."""

    chat: list[Message]
    summary: str
    earlier: str
    strip: str
    crisis: str
    turn: str
    laboratory: str
    trend: str
    analysis: str
    spoken: str
    rated: str


def frame(
    scene: Scene,
    note: JudgeNote,
    where: Whereabouts,
    tried: RewardSettings | None = None,
    rest: Rest = Rest(),  # noqa: B008 - it is immutable
) -> Frame:
    """`tried`: the settings in the reward laboratory, None where nothing was tried; `rest`: when a
    break is offered."""
    return Frame(
        chat=transcript(scene),
        summary=summary(scene),
        earlier=earlier(scene),
        strip=under_conversation(scene, rest),
        crisis=crisis_card(scene, where),
        turn=turn_panel(scene, note),
        laboratory=laboratory_table(scene.turns, tried),
        trend=trend_panel(scene),
        analysis=analysis_panel(scene),
        spoken=spoken(scene),
        rated=str(scene.reply.id) if scene.reply else "",
    )
