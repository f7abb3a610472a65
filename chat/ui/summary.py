"""The one line that always shows where the turn stands; on a phone it leads to the panel.

Its root tells the style sheet what goes on (`data-activity`, `data-empty`, ...), so that Send or
Stop, the welcome or the conversation, are a matter of style and cost no further update.
"""

from __future__ import annotations

from chat.store.records import Reply
from chat.ui.marks import MARKS, figure, icon, short
from chat.ui.reward_card import signed
from chat.ui.scene import Activity, Scene
from perm.types import Perspective


def summary(scene: Scene) -> str:
    flags = (
        f'data-activity="{scene.activity.value}" data-empty="{_flag(not scene.turns)}" '
        f'data-crisis="{_flag(scene.crisis)}" data-editing="{_flag(scene.editing is not None)}"'
    )
    turn = scene.turn
    if turn is None:
        return f'<div class="summary" {flags}></div>'
    figures = _figures(scene, turn.chosen) if turn.chosen else ""
    return (
        f'<div class="summary" {flags}>'
        '<button type="button" data-panel="open" aria-controls="panel">'
        f"<b>Turn {turn.number}</b>{figures}"
        '<span class="more">Scores</span></button></div>'
    )


def _figures(scene: Scene, reply: Reply) -> str:
    if reply.id == scene.writing:
        return '<span class="busy">answering…</span>'
    if reply.id in scene.veiled:
        return '<span class="busy">hidden until you rate</span>'
    binding, asked = reply.binding, scene.asked(reply)
    if asked:
        return f'<span class="busy">{len(Perspective) - len(asked)} of 4 judged</span>'
    scores = "".join(
        f'<span class="one">{icon(one)}<abbr title="{MARKS[one].name}">{MARKS[one].letter}</abbr> '
        f"{short(one, binding.get(one))}</span>"
        for one in Perspective
    )
    total = signed(reply.reward.total) if reply.reward else "–"
    return f'{scores}<span class="total">{total}</span>'


def spoken(scene: Scene) -> str:
    """What a screen reader is told, once, when a turn is complete; plain text."""
    turn = scene.turns[-1] if scene.turns else None
    reply = turn.chosen if turn else None
    if turn is None or reply is None or scene.activity is not Activity.IDLE:
        return ""
    if reply.id in scene.veiled:
        return f"Turn {turn.number} is complete. Rate it to hear its scores."
    if not reply.verdicts:
        return ""
    said = [f"Turn {turn.number} is complete."]
    for one in Perspective:
        verdict = reply.binding.get(one)
        _, high = one.scale
        score = verdict.score if verdict else None
        said.append(
            f"{MARKS[one].name} {figure(one, score)} of {high:.0f}."
            if score is not None
            else f"{MARKS[one].name} has no score."
        )
    if reply.reward:
        said.append(f"Reward {signed(reply.reward.total)}.")
    return " ".join(said)


def _flag(value: bool) -> str:
    return "true" if value else "false"
