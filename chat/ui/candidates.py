"""Several replies to one message: how many are wanted, and the cards that one is picked from."""

from __future__ import annotations

from typing import Final

from chat.limits import MAX_CANDIDATES
from chat.store.records import Reply, Turn
from chat.store.study_records import PickedBy
from chat.ui.markup import esc, paragraphs, plain
from chat.ui.reward_card import signed
from chat.ui.scene import Scene

COUNTS: Final = range(1, MAX_CANDIDATES + 1)
PICKED: Final = {PickedBy.PERSON: "picked by you", PickedBy.REWARD: "picked by its reward"}


def are_candidates(turn: Turn) -> bool:
    """Whether its replies were asked for side by side; one that was tried again has no seed."""
    return sum("seed" in reply.sampling for reply in turn.replies) > 1


def how_many(scene: Scene) -> str:
    """How many replies the next message gets."""
    options = "".join(
        f'<option value="{count}"{" selected" if count == scene.wanted else ""}>{count}</option>'
        for count in COUNTS
    )
    return (
        '<label class="how-many">Replies to the next message '
        f'<select data-choose="wanted" aria-label="Replies to the next message">{options}'
        "</select></label>"
    )


def cards(scene: Scene) -> str:
    """The candidates of the newest turn; folded away once one is picked."""
    turn = scene.turns[-1] if scene.turns else None
    if turn is None or not are_candidates(turn):
        return ""
    picked = next((reply for reply in turn.replies if reply.picked_by), None)
    said = (
        f"Reply {picked.number} of {len(turn.replies)}, {PICKED[picked.picked_by]}"
        if picked and picked.picked_by
        else f"{len(turn.replies)} replies: pick the one to go on with"
    )
    shown = "".join(_card(scene, turn, reply) for reply in turn.replies)
    open_ = "" if picked else " open"
    return (
        f'<details class="candidates"{open_}><summary>{said}</summary>'
        f"<ol>{shown}</ol>{_highest(scene, turn)}</details>"
    )


def _card(scene: Scene, turn: Turn, reply: Reply) -> str:
    busy = reply.id in {scene.writing, *scene.beside}
    words = paragraphs(plain(reply.response)) if reply.response.strip() else ""
    if not words:
        words = f'<p class="pending">{"Waiting its turn…" if busy else "It stayed empty."}</p>'
    current = ' aria-current="true"' if reply.chosen else ""
    off = " disabled" if scene.writing is not None or not reply.response.strip() else ""
    return (
        f"<li{current}><header><b>Reply {reply.number}</b>{_reward(scene, reply, busy)}</header>"
        f'<div class="prose">{words}</div>'
        f'<button type="button" class="quiet" data-action="pick" data-value="{reply.id}"'
        f'{off}>Go on with this<span class="sr">: reply {reply.number} of turn {turn.number}'
        "</span></button></li>"
    )


def _reward(scene: Scene, reply: Reply, busy: bool) -> str:
    if reply.id in scene.veiled:
        return ""
    if reply.reward is not None:
        return f"<span>reward <b>{esc(signed(reply.reward.total))}</b></span>"
    if busy:
        return "<span>being written</span>"
    return f"<span>{'being judged' if scene.asked(reply) else 'no reward'}</span>"


def _highest(scene: Scene, turn: Turn) -> str:
    """Only where rewards are to be seen: behind a veil it would give the judge away."""
    if scene.writing is not None or not any(reply.reward for reply in turn.replies):
        return ""
    return (
        f'<button type="button" class="quiet" data-action="pick-highest" data-value="{turn.id}">'
        "Take the highest reward</button>"
    )
