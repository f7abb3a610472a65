"""The Analysis tab: what the supporter understood before it answered. The chat never shows it."""

from __future__ import annotations

from chat.ui.markup import esc, paragraphs, plain
from chat.ui.scene import Scene


def analysis_panel(scene: Scene) -> str:
    turn, reply = scene.turn, scene.reply
    if turn is None or reply is None:
        return (
            '<div class="panel-empty"><h3>The Analysis appears here</h3><p>Before it answers, the '
            "model writes down what it understands of the situation and the feelings.</p></div>"
        )
    if reply.analysis:
        body = f'<div class="prose">{paragraphs(plain(reply.analysis))}</div>'
    elif reply.id == scene.writing and not reply.response:
        body = '<p class="pending">Being written…</p>'
    else:
        body = '<p class="pending">The model wrote no Analysis for this reply.</p>'
    made = " · ".join(
        part
        for part in (
            esc(reply.model),
            f"prompt {esc(reply.prompt_hash[:12])}" if reply.prompt_hash else "",
        )
        if part
    )
    return (
        f'<div class="analysis"><h2>Turn {turn.number}</h2><p class="lede">What the supporter '
        "understood before it answered. The seeker does not see this in the conversation.</p>"
        f'{body}<p class="small-print">{made}</p></div>'
    )
