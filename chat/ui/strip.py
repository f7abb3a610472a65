"""The strip under the conversation: waiting, failure, an edit, and what can be done now."""

from __future__ import annotations

from chat.safety import Rest, care_texts
from chat.store.records import Reply, ReplyStatus
from chat.ui import trouble
from chat.ui.candidates import cards, how_many
from chat.ui.markup import esc
from chat.ui.scene import Scene, in_crisis
from chat.ui.turn_panel import doings, switches
from perm.types import Part

PARTS = {**trouble.PARTS, Part.INPUT: "Your message"}


def under_conversation(scene: Scene, rest: Rest = Rest()) -> str:  # noqa: B008 - it is immutable
    """The strip between conversation and box: waiting, failure, and what can be done now.

    `rest`: when a break is offered.
    """
    if scene.editing is not None:
        return _editing(scene)
    if scene.failure is not None:
        return _failure(scene)
    if scene.writing is not None:
        said = scene.waiting or ("" if _begun(scene) else "Reading your message")
        busy = f'<p class="strip busy"><span class="dots"></span>{esc(said)}</p>' if said else ""
        return busy + cards(scene)
    return cards(scene) + _ended(scene, rest)


def _begun(scene: Scene) -> bool:
    reply = scene.turns[-1].chosen if scene.turns else None
    return bool(reply and reply.response)


def _editing(scene: Scene) -> str:
    number = next((turn.number for turn in scene.turns if turn.id == scene.editing), 0)
    return (
        f'<div class="strip"><p>You are changing message {number}. The first version stays.</p>'
        '<button type="button" class="quiet" data-action="cancel-edit">Cancel</button></div>'
    )


def _failure(scene: Scene) -> str:
    failure = scene.failure
    if failure is None:
        return ""
    turn = scene.turns[-1] if scene.turns else None
    retry = (
        f'<button type="button" class="quiet" data-action="retry" data-value="{turn.id}">'
        "Try again</button>"
        if turn and failure.saved and failure.part is Part.ENGINE
        else '<button type="button" class="quiet" data-action="dismiss">Close</button>'
    )
    return (
        f'<div class="strip failed" role="alert"><div><p><b>{PARTS[failure.part]}.</b> '
        f'{esc(failure.what)}</p><p class="todo">{esc(failure.todo)}</p></div>{retry}</div>'
    )


def _ended(scene: Scene, rest: Rest) -> str:
    turn = scene.turns[-1] if scene.turns else None
    if turn is None or turn.chosen is None:
        return f'<div class="strip">{how_many(scene)}</div>'
    said = _how(turn.chosen)
    note = (f"<p>{said}</p>" if said else "") + _rest(scene, rest)
    now = f"{switches(scene, turn)}{doings(scene, turn)}{how_many(scene)}"
    return f'<div class="strip">{note}{now}</div>'


def _rest(scene: Scene, rest: Rest) -> str:
    """After a long sitting a word about a break; not right after somebody spoke of a crisis, where
    it would read as being sent away."""
    if in_crisis(scene.turns[-1]) or not rest.due([turn.created_at for turn in scene.turns]):
        return ""
    talk = care_texts().long_talk
    return f'<p class="rest"><b>{esc(talk.title)}.</b> {esc(talk.text)}</p>'


def _how(reply: Reply) -> str:
    if reply.status is ReplyStatus.STOPPED:
        return "You stopped this reply."
    if reply.status is ReplyStatus.CUT_SHORT:
        return "This reply reached its limit of length."
    if reply.status is ReplyStatus.INCOMPLETE:
        return "This reply broke off; what came is kept."
    if reply.status is ReplyStatus.INTERRUPTED:
        return "The app ended while this reply was being written."
    if reply.turns_left_out:
        return f"The model no longer sees {reply.turns_left_out} of the earlier turns."
    return ""
