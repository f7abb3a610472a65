"""The strip under the conversation: waiting, failure, an edit, and what can be done now."""

from __future__ import annotations

from chat.safety import care_texts
from chat.store.records import Reply, ReplyStatus
from chat.ui import trouble
from chat.ui.candidates import cards, how_many
from chat.ui.markup import esc
from chat.ui.scene import Scene
from chat.ui.turn_panel import doings, switches
from perm.types import Part

PARTS = {**trouble.PARTS, Part.INPUT: "Your message"}


def under_conversation(scene: Scene) -> str:
    """The strip between conversation and box: waiting, failure, and what can be done now."""
    if scene.editing is not None:
        return _editing(scene)
    if scene.failure is not None:
        return _failure(scene)
    if scene.writing is not None:
        said = scene.waiting or ("" if _begun(scene) else "Reading your message")
        busy = f'<p class="strip busy"><span class="dots"></span>{esc(said)}</p>' if said else ""
        return busy + cards(scene)
    return cards(scene) + _ended(scene)


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


def _ended(scene: Scene) -> str:
    turn = scene.turns[-1] if scene.turns else None
    if turn is None or turn.chosen is None:
        return f'<div class="strip">{how_many(scene)}</div>'
    said = _how(turn.chosen)
    note = (f"<p>{said}</p>" if said else "") + _rest(len(scene.turns))
    now = f"{switches(scene, turn)}{doings(scene, turn)}{how_many(scene)}"
    return f'<div class="strip">{note}{now}</div>'


def _rest(turns: int) -> str:
    """After a long talk: a word about a break, never a pull to stay."""
    talk = care_texts().long_talk
    return f"<p><b>{esc(talk.title)}.</b> {esc(talk.text)}</p>" if talk.due(turns) else ""


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
