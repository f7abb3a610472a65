"""A conversation of History with all that is known of it, and two replies side by side. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from chat.store.records import Conversation, Reply, SavedVerdict, Turn
from chat.ui.history_query import PATH, address
from chat.ui.marks import MARKS, figure
from chat.ui.markup import esc, paragraphs
from chat.ui.perspective_row import WHY_UNSCORED, reason_for, row
from chat.ui.reward_card import reward_card
from chat.ui.turn_panel import ENDINGS
from chat.ui.verdict_runs import Names, table, title_of
from perm.rewards import formula
from perm.types import Perspective

NO_NAMES: Final[Names] = {}


def about(place: Conversation) -> str:
    """What stands above an opened conversation."""
    said = "".join(
        f"<div><dt>{name}</dt><dd>{paragraphs(text)}</dd></div>"
        for name, text in (("Persona", place.persona), ("Scenario", place.scenario))
        if text
    )
    return (
        f'<p class="back"><a href="{PATH}">‹ All of History</a></p>'
        f"<header><h3>{esc(place.title) or 'Untitled'}</h3>"
        f"<p>{place.created_at:%-d %B %Y, %H:%M} UTC · {_agreed(place)}</p></header>"
        f"<dl>{said}</dl>"
        f'<p class="ways"><a class="go" href="/?c={place.id}">Open in the chat</a> '
        f'<a href="{esc(address(c=place.id))}">Address of this conversation</a></p>'
        '<details class="sure"><summary>Delete this conversation</summary>'
        "<p>Delete it for good? It cannot be brought back.</p>"
        f'<button type="button" class="wide" data-action="delete" data-value="{place.id}">'
        "Delete</button></details>"
    )


def _agreed(place: Conversation) -> str:
    agreed = [name for name in ("keep", "research", "train") if getattr(place.consents, name)]
    return f"agreed to: {', '.join(agreed)}" if agreed else "not kept: gone when the app ends"


def conversation(turns: Sequence[Turn], opened: UUID | None, names: Names = NO_NAMES) -> str:
    """Every turn of a path with all its replies; what is opened, a turn or a reply, is marked.

    `names`: what the versions of the judges' prompts are called, by hash.
    """
    return "".join(
        f'<section class="past{" opened" if turn.id == opened else ""}" id="turn-{turn.id}">'
        f"<h3>Turn {turn.number} <small>{turn.created_at:%-d %B %Y, %H:%M} UTC · "
        f'<a href="{esc(address(t=turn.id))}">Address</a></small></h3>'
        f'<blockquote class="said">{paragraphs(turn.message)}</blockquote>'
        f"{''.join(_reply(turn, reply, opened, names) for reply in turn.replies)}</section>"
        for turn in turns
    )


def _reply(turn: Turn, reply: Reply, opened: UUID | None, names: Names) -> str:
    several = f" {reply.number} of {len(turn.replies)}" if len(turn.replies) > 1 else ""
    here = " opened" if reply.id == opened else ""
    others = "".join(
        f'<a href="{esc(address(r=reply.id, with_=other.id))}">Beside reply {other.number}</a>'
        for other in turn.replies
        if other.id != reply.id
    )
    return (
        f'<article class="replied{here}" id="reply-{reply.id}"><h4>Reply{several}'
        f"{'' if reply.chosen else ' <small>not chosen</small>'}</h4>"
        f'<div class="words">{paragraphs(reply.response)}</div>'
        f"{breakdown(reply, here != '', names)}"
        f'<p class="ways"><button type="button" data-action="go-on" data-value="{reply.id}">'
        f"Go on from here</button>{_judge_again(reply)}"
        f'<a href="{esc(address(r=reply.id))}">Address</a>'
        f'<a href="{esc(address(hold=reply.id))}">Compare</a>{others}</p></article>'
    )


def _judge_again(reply: Reply) -> str:
    if not reply.response:
        return ""
    return "".join(
        f'<button type="button" data-action="judge-{method}" data-value="{reply.id}">'
        f"Judge again, {method}</button>"
        for method in ("direct", "reasoned")
    )


def breakdown(reply: Reply, unfolded: bool, names: Names = NO_NAMES) -> str:
    """Scores, reward, and under them what was sent, what came, and how long it took."""
    bound = reply.binding
    given = [saved.verdict for saved in reply.verdicts]
    rows = "".join(
        row(one, bound.get(one), reason_for(one, given), "Not judged.") for one in Perspective
    )
    scores = {one: verdict.score for one, verdict in bound.items() if verdict.score is not None}
    words = formula(reply.reward, scores) if reply.reward and len(scores) == 4 else ""
    tokens = reply.usage.completion_tokens
    return (
        f"<details{' open' if unfolded else ''}><summary>Scores and reward</summary>{rows}"
        f"{reward_card(reply.reward, words, len(scores), (), tokens)}</details>"
        f"<details><summary>Analysis</summary>{paragraphs(reply.analysis) or '<p>None.</p>'}"
        f"</details><details><summary>All verdicts ({len(reply.verdicts)})</summary>"
        f"{table(reply, names)}"
        f"{''.join(_verdict(one, one.verdict in bound.values(), names) for one in reply.verdicts)}"
        f"</details><details><summary>How it was made</summary>{_made(reply)}</details>"
    )


def _verdict(saved: SavedVerdict, counts: bool, names: Names) -> str:
    one = saved.verdict
    value = (
        figure(one.perspective, one.score)
        if one.score is not None
        else f"unscored. {WHY_UNSCORED[one.unscored] if one.unscored else ''}"
    )
    took = f" · {one.seconds:.1f} s" if one.seconds is not None else ""
    return (
        f'<article class="verdict{" counts" if counts else ""}"><p><b>{MARKS[one.perspective].name}'
        f"</b>, {one.method.value}: {value}{' · counts' if counts else ''}</p>"
        f"<p><small>{esc(one.judge_model)}{took} · {saved.created_at:%-d %B %Y, %H:%M} UTC · "
        f"prompt {esc(title_of(one.prompt_hash, names))} {esc(one.prompt_hash[:12])}</small></p>"
        f"{paragraphs(one.reason or '')}"
        f"{_text('Prompt as sent', one.request)}{_text('Raw output', one.raw)}</article>"
    )


def _made(reply: Reply) -> str:
    sent = "\n\n".join(
        f"[{one.get('role', '')}]\n{one.get('content', '')}" for one in reply.request
    )
    times = reply.timings
    facts = [
        ("Model", reply.model),
        ("Engine", reply.engine),
        ("Ended", ENDINGS.get(reply.status, "complete")),
        ("Prompt", reply.prompt_hash[:12]),
        ("Sampling", _sampling(reply.sampling)),
        ("Tokens read", reply.usage.prompt_tokens),
        ("Tokens written", reply.usage.completion_tokens),
        ("First word after", _seconds(times.first_token)),
        ("Complete after", _seconds(times.response_complete)),
        ("Error", reply.error),
    ]
    listed = "".join(
        f"<div><dt>{name}</dt><dd>{esc(value)}</dd></div>"
        for name, value in facts
        if value not in {None, ""}
    )
    return f"<dl>{listed}</dl>{_text('Prompt as sent', sent)}{_text('Raw output', reply.raw)}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _text(name: str, text: str) -> str:
    return f"<details><summary>{name}</summary><pre>{esc(text)}</pre></details>" if text else ""


def beside(pair: Sequence[tuple[Conversation, Turn, Reply]], names: Names = NO_NAMES) -> str:
    """Two replies side by side, each with what it answers."""
    columns = "".join(
        f'<article class="replied"><h4>{esc(reply.model)}, turn {turn.number}</h4>'
        f'<blockquote class="said">{paragraphs(turn.message)}</blockquote>'
        f'<div class="words">{paragraphs(reply.response)}</div>{breakdown(reply, True, names)}'
        f'<p class="ways"><a href="{esc(address(r=reply.id))}">Open its conversation</a></p>'
        "</article>"
        for _, turn, reply in pair
    )
    places = [place.id for place, _, _ in pair]
    whole = (
        f' <a href="{esc(address(c=places[0], with_=places[1]))}">Both conversations</a>'
        if len(set(places)) > 1
        else ""
    )
    return (
        f'<p class="back"><a href="{PATH}">‹ All of History</a>{whole}</p>'
        f'<div class="two">{columns}</div>'
    )


def talks_beside(pair: Sequence[tuple[Conversation, Sequence[Turn]]]) -> str:
    """Two conversations side by side."""
    columns = "".join(
        f'<div><h3><a href="{esc(address(c=place.id))}">{esc(place.title) or "Untitled"}</a></h3>'
        f"{conversation(turns, None)}</div>"
        for place, turns in pair
    )
    return (
        f'<p class="back"><a href="{PATH}">‹ All of History</a></p><div class="two">{columns}</div>'
    )


def _sampling(fields: Mapping[str, Any]) -> str:
    """With what an engine adds as further fields of its own among the others."""
    plain = {name: value for name, value in fields.items() if not isinstance(value, Mapping)}
    for more in fields.values():
        plain |= more if isinstance(more, Mapping) else {}
    return ", ".join(f"{name} {value}" for name, value in plain.items())
