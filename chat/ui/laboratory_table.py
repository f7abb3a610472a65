"""The reward laboratory's answer: each turn's reward as saved, and as other settings would have it.

Computed from saved verdicts alone; nothing is judged again and nothing is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from chat.store.records import Reply, Turn
from chat.ui.markup import esc
from chat.ui.reward_card import signed
from perm.rewards import formula, reward_of
from perm.types import Reward, RewardSettings


def laboratory_table(turns: Sequence[Turn], tried: RewardSettings | None) -> str:
    """Empty while nothing was tried. A reply that lacks a score keeps its dash in both columns."""
    if tried is None:
        return ""
    rows = [(turn, turn.chosen) for turn in turns if turn.chosen is not None]
    if not rows:
        return '<p class="lede">There is no scored turn yet.</p>'
    anew = [_anew(reply, tried) for _, reply in rows]
    body = "".join(
        _row(turn.number, reply.reward, new) for (turn, reply), new in zip(rows, anew, strict=True)
    )
    return (
        '<table class="figures laboratory"><caption class="sr">The reward of each turn, as saved '
        'and as tried</caption><thead><tr><th scope="col">Turn</th><th scope="col">Saved</th>'
        '<th scope="col">Tried</th><th scope="col">Change</th></tr></thead>'
        f"<tbody>{body}</tbody>{_means([reply for _, reply in rows], anew)}</table>"
        f"{_last_formula([reply for _, reply in rows], anew)}"
    )


def _anew(reply: Reply, tried: RewardSettings) -> Reward | None:
    return reward_of(reply.binding, tried, reply.usage.completion_tokens)


def _row(number: int, saved: Reward | None, anew: Reward | None) -> str:
    return f'<tr><th scope="row">{number}</th>{_cells(_total(saved), _total(anew))}</tr>'


def _total(reward: Reward | None) -> float | None:
    return reward.total if reward else None


def _cells(saved: float | None, anew: float | None) -> str:
    change = None if saved is None or anew is None else anew - saved
    told = "–" if change is None else f"{'+' if change >= 0.005 else ''}{signed(change)}"
    return f"<td>{_figure(saved)}</td><td>{_figure(anew)}</td><td>{told}</td>"


def _figure(value: float | None) -> str:
    return "–" if value is None else signed(value)


def _means(replies: Sequence[Reply], anew: Sequence[Reward | None]) -> str:
    """Over the turns that have both, so that the two means speak of the same turns."""
    both = [
        (reply.reward.total, new.total)
        for reply, new in zip(replies, anew, strict=True)
        if reply.reward is not None and new is not None
    ]
    if len(both) < 2:
        return ""
    saved, tried = (fmean(column) for column in zip(*both, strict=True))
    return f'<tfoot><tr><th scope="row">Mean of {len(both)}</th>{_cells(saved, tried)}</tr></tfoot>'


def _last_formula(replies: Sequence[Reply], anew: Sequence[Reward | None]) -> str:
    """The formula with the newest rewarded turn's numbers in it."""
    for reply, reward in reversed(list(zip(replies, anew, strict=True))):
        if reward is not None:
            scores = {one: v.score for one, v in reply.binding.items() if v.score is not None}
            return f'<p class="formula"><code>{esc(formula(reward, scores))}</code></p>'
    return '<p class="lede">No turn has all four scores and a token count yet.</p>'
