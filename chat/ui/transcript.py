"""The open path as chat messages: what was said, and nothing else."""

from __future__ import annotations

from typing import Final, TypedDict
from uuid import UUID

from chat.store.records import Reply, Turn
from chat.ui.markup import chat_text, plain
from chat.ui.scene import Scene

SHOWN_TURNS: Final = 60
"""The newest turns that a frame carries: its cost grows with what it carries."""


class Message(TypedDict):
    role: str
    content: str


def shown(scene: Scene) -> tuple[Turn, ...]:
    return scene.turns if scene.whole else scene.turns[-SHOWN_TURNS:]


def earlier(scene: Scene) -> str:
    """A button for the turns that are not shown yet, if there are any."""
    hidden = len(scene.turns) - len(shown(scene))
    if not hidden:
        return ""
    return (
        '<button type="button" class="wide" data-action="earlier" data-value="">'
        f"Show {hidden} earlier turns</button>"
    )


def transcript(scene: Scene) -> list[Message]:
    """User and assistant messages in turn. A reply without a word yet has no message."""
    messages: list[Message] = []
    for turn in shown(scene):
        messages.append({"role": "user", "content": chat_text(turn.message)})
        reply = turn.chosen
        if reply and reply.response.strip():
            messages.append({"role": "assistant", "content": chat_text(plain(reply.response))})
    return messages


def replies(scene: Scene) -> list[Reply | None]:
    """For each message of `transcript`, the reply it shows; None for the seeker's own."""
    found: list[Reply | None] = []
    for turn in shown(scene):
        found.append(None)
        if turn.chosen and turn.chosen.response.strip():
            found.append(turn.chosen)
    return found


def reply_at(scene: Scene, index: int) -> UUID | None:
    """The reply behind the message at `index`, if it is one."""
    found = replies(scene)
    reply = found[index] if 0 <= index < len(found) else None
    return reply.id if reply else None


def thumbs(scene: Scene) -> list[str | None]:
    """For each assistant message, the thumb its rater gave, in the chatbot's words."""
    words = {1: "Like", -1: "Dislike"}
    return [
        words.get(reply.feedback.thumb or 0) if reply.feedback else None
        for reply in replies(scene)
        if reply is not None
    ]
