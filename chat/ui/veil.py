"""For raters who do not want to be led: no judgement of a reply is shown before they rated it.

A veiled scene lacks those verdicts and rewards, so nothing drawn from it can give them away.
"""

from __future__ import annotations

from chat.store.records import FeedbackInput, Reply
from chat.ui.scene import Scene
from perm.types import Perspective


def veiled(scene: Scene) -> Scene:
    """The scene without the judgements that a rater has not earned; `Scene.veiled` names them."""
    hidden = frozenset(
        reply.id for turn in scene.turns for reply in turn.replies if not rated(reply.feedback)
    )
    turns = tuple(
        turn.model_copy(update={"replies": tuple(_bare(one, hidden) for one in turn.replies)})
        for turn in scene.turns
    )
    return scene.model_copy(update={"turns": turns, "veiled": hidden})


def _bare(reply: Reply, hidden: frozenset[object]) -> Reply:
    if reply.id not in hidden:
        return reply
    return reply.model_copy(update={"verdicts": (), "reward": None})


def rated(feedback: FeedbackInput | None) -> bool:
    """Whether a thumb or one of the four scales was given; words alone do not lift the veil."""
    if feedback is None:
        return False
    scales = (getattr(feedback, one.value) for one in Perspective)
    return feedback.thumb is not None or any(value is not None for value in scales)


def veil_note() -> str:
    return (
        '<div class="veil"><h3>The judge is hidden</h3><p>Rate this reply under Feedback, and its '
        "scores appear here.</p></div>"
    )
