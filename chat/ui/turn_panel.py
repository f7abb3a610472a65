"""The Turn tab: one turn, its four verdicts with reasons, its reward, and how it was made."""

from __future__ import annotations

from chat.safety import care_texts
from chat.store.records import Reply, ReplyStatus, Turn
from chat.ui.markup import esc, shorten
from chat.ui.perspective_row import reason_for, row
from chat.ui.reward_card import reward_card
from chat.ui.scene import Scene, in_crisis
from chat.ui.veil import veil_note
from perm.rewards import formula
from perm.types import Method, Perspective, Value


class JudgeNote(Value):
    """What stands beside every score: who judged, and how far it can be trusted.

    `scripted`: the figures are made up by the scripted engine. `selfcheck`: the last result in
    words, or "" where this judge was never checked; `attacks`: the same of hostile text.
    """

    model: str
    scripted: bool = False
    selfcheck: str = ""
    attacks: str = ""


def turn_panel(scene: Scene, note: JudgeNote) -> str:
    turn = scene.turn
    if turn is None:
        return empty_panel()
    reply = turn.chosen
    stepped = " stepped-back" if in_crisis(turn) else ""
    body = ""
    if reply is not None:
        body = veil_note() if reply.id in scene.veiled else _judged(scene, turn, reply)
    return (
        f'<div class="turn-panel{stepped}">{_chooser(scene, turn)}'
        f'<blockquote class="said">{esc(shorten(turn.message, 180))}</blockquote>'
        f"{_reply_bar(scene, turn)}{_stepped_back(turn)}{judge_note(note)}{body}"
        f"{small_print(reply) if reply else ''}</div>"
    )


def empty_panel() -> str:
    return (
        '<div class="panel-empty"><svg viewBox="0 0 96 48" width="96" height="48" '
        'aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="2.5" '
        'stroke-linecap="round"><path d="M6 34C20 34 22 18 36 18s16 14 28 10 14-18 26-20"/>'
        '<path d="M6 41h84" opacity=".25"/></g></svg>'
        "<h3>Scores appear as you chat</h3><p>Each reply is read from four seats: the one who "
        "listens, the one who speaks, the one who receives, and one who looks on.</p></div>"
    )


def judge_note(note: JudgeNote) -> str:
    if note.scripted:
        return (
            '<p class="judge-note strong"><b>Not real judgements.</b> The scripted engine makes '
            "these figures up, so that everything can be tried without a model.</p>"
        )
    words = care_texts().scores
    checked = (
        esc(note.selfcheck)
        if note.selfcheck
        else ("Not yet checked: run <code>perm-chat selfcheck</code>.")
    )
    return (
        f'<p class="judge-note" title="{esc(words.warmth)}"><b>{esc(words.one_opinion)}</b> '
        f"Judge: {esc(note.model)}. {' '.join(filter(None, (checked, esc(note.attacks))))}</p>"
    )


def _chooser(scene: Scene, turn: Turn) -> str:
    place = scene.turns.index(turn)
    before = scene.turns[place - 1].id if place else None
    later = scene.turns[place + 1].id if place + 1 < len(scene.turns) else None
    return (
        '<div class="stepper" role="group" aria-label="Choose a turn">'
        f"{_step('turn', before, '‹', 'Previous turn')}"
        f"<h2>Turn {turn.number} <span>of {len(scene.turns)}</span></h2>"
        f"{_step('turn', later, '›', 'Next turn')}</div>"
    )


def _step(action: str, value: object | None, sign: str, label: str) -> str:
    off = ' disabled aria-disabled="true"' if value is None else ""
    return (
        f'<button type="button" class="step" data-action="{action}" '
        f'data-value="{esc(value or "")}" data-key="{action}-{sign}" aria-label="{label}"{off}>'
        f"{sign}</button>"
    )


def _reply_bar(scene: Scene, turn: Turn) -> str:
    return f'<div class="bar-actions">{switches(scene, turn)}{doings(scene, turn)}</div>'


def switches(scene: Scene, turn: Turn) -> str:
    """`Reply 2 of 3` and `Message 1 of 2`, where there is more than one."""
    found = ""
    reply = turn.chosen
    if reply and len(turn.replies) > 1:
        ids = [other.id for other in turn.replies]
        found += _switch("reply", "Reply", [str(one) for one in ids], str(reply.id))
    if turn.id in scene.versions:
        found += _switch("version", "Message", [*map(str, scene.versions[turn.id])], str(turn.id))
    return found


def _switch(action: str, name: str, ids: list[str], shown: str) -> str:
    place = ids.index(shown)
    before = ids[place - 1] if place else None
    later = ids[place + 1] if place + 1 < len(ids) else None
    lower = name.lower()
    return (
        f'<span class="switch" role="group" aria-label="{name}s of this turn">'
        f"{_step(action, before, '‹', f'Previous {lower}')}"
        f"<span>{name} {place + 1} of {len(ids)}</span>"
        f"{_step(action, later, '›', f'Next {lower}')}</span>"
    )


def doings(scene: Scene, turn: Turn) -> str:
    """Another reply, another message: the old ones stay."""
    off = " disabled" if scene.writing is not None else ""
    return (
        f'<button type="button" class="quiet" data-action="retry" data-value="{turn.id}"'
        f'{off}>Another reply</button><button type="button" class="quiet" data-action="edit" '
        f'data-value="{turn.id}"{off}>Edit message</button>'
    )


def _stepped_back(turn: Turn) -> str:
    if not in_crisis(turn):
        return ""
    words = care_texts().scores
    return f'<p class="judge-note">{esc(words.stepped_back)} {esc(words.out_of_training)}</p>'


def _judged(scene: Scene, turn: Turn, reply: Reply) -> str:
    binding, asked = reply.binding, scene.asked(reply)
    given = [saved.verdict for saved in reply.verdicts]
    so_far = scene.provisional(reply.id)
    rows = "".join(
        row(
            one,
            binding.get(one),
            reason_for(one, given),
            _pending(scene, reply, one),
            so_far.get(one),
        )
        for one in Perspective
    )
    scores = {one: verdict.score for one, verdict in binding.items() if verdict.score is not None}
    whole = len(scores) == len(Perspective)
    words = formula(reply.reward, scores) if reply.reward and whole else ""
    return (
        f"{_progress(reply, len(asked))}{rows}{_ask(scene, reply)}"
        f"{reward_card(reply.reward, words, len(scores), asked, reply.usage.completion_tokens)}"
    )


def _pending(scene: Scene, reply: Reply, perspective: Perspective) -> str:
    if perspective in scene.asked(reply):
        return "Being judged…"
    if reply.id == scene.writing:
        if perspective in scene.provisional(reply.id):
            return "The score itself comes after the reply"
        return "After the Analysis" if perspective.rates_analysis else "After the reply"
    return "Not judged."


def _progress(reply: Reply, asked: int) -> str:
    if not asked:
        return ""
    done = len(reply.binding)
    return (
        f'<p class="progress"><span class="dots" aria-hidden="true"></span>{done} of 4 judged</p>'
    )


def _ask(scene: Scene, reply: Reply) -> str:
    """One button for what was not asked for yet: the reasons, or any judgement at all."""
    if scene.asked(reply) or reply.id == scene.writing or not reply.response:
        return ""
    binding = reply.binding
    if len(binding) < len(Perspective):
        return _wide("judge", "Judge this reply")
    given = [saved.verdict for saved in reply.verdicts]
    silent = [
        one
        for one, verdict in binding.items()
        if verdict.method is Method.DIRECT and verdict.scored and not reason_for(one, given)
    ]
    return _wide("reasons", "Ask for the reasons") if silent else ""


def _wide(action: str, label: str) -> str:
    return (
        f'<button type="button" class="wide" data-action="{action}" data-value="">{label}</button>'
    )


ENDINGS = {
    ReplyStatus.WRITING: "being written",
    ReplyStatus.STOPPED: "stopped by you",
    ReplyStatus.CUT_SHORT: "ended at its limit of length",
    ReplyStatus.INCOMPLETE: "broke off",
    ReplyStatus.INTERRUPTED: "interrupted when the app ended",
}
"""How a reply ended, where it did not simply come to its end."""


def small_print(reply: Reply) -> str:
    """The model, its speed, tokens and timings; one quiet line."""
    facts = [esc(reply.model)] if reply.model else []
    if reply.status in ENDINGS:
        facts.append(ENDINGS[reply.status])
    tokens, times = reply.usage.completion_tokens, reply.timings
    if tokens is not None:
        facts.append(f"{tokens} tokens")
    if times.first_token is not None:
        facts.append(f"first word after {times.first_token:.1f} s")
    if times.response_complete is not None:
        facts.append(f"complete after {times.response_complete:.1f} s")
        writing = times.response_complete - (times.first_token or 0.0)
        if tokens and writing > 0:
            facts.append(f"{tokens / writing:.0f} tokens/s")
    if reply.turns_left_out:
        facts.append(f"{reply.turns_left_out} earlier turns no longer fitted the context")
    return f'<p class="small-print">{" · ".join(facts)}</p>' if facts else ""
