"""The reward of one reply: its named terms, their sum, and the formula with today's numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from chat.ui.markup import esc
from perm.types import Reward, RewardMode

MODES: Final[Mapping[RewardMode, str]] = {
    RewardMode.HARMONIC: "harmonic mean of the three",
    RewardMode.MEAN: "mean of the three",
    RewardMode.GEOMETRIC: "geometric mean of the three",
}


def signed(value: float) -> str:
    """Two decimals with a real minus sign, and no negative zero."""
    return f"{abs(value):.2f}" if value > -0.005 else f"−{abs(value):.2f}"


def reward_card(
    reward: Reward | None,
    formula: str,
    scored: int,
    judging: Collection[object],
    tokens: int | None,
) -> str:
    """`scored`: how many of four have a score; `judging`: those being asked for right now.

    `tokens`: how many the reply has, None where nobody said.
    """
    if reward is None:
        said, hint = _open(scored, len(judging), tokens)
        return (
            '<section class="reward open" aria-label="Reward"><header><h3>Reward</h3>'
            f'<span class="value dash">{said}</span></header><p>{hint}</p></section>'
        )
    return (
        '<section class="reward" aria-label="Reward"><header><h3>Reward</h3>'
        f'<span class="value">{signed(reward.total)}</span></header>'
        f"<dl>{_terms(reward)}</dl>"
        f'<p class="formula"><code>{esc(formula)}</code></p></section>'
    )


def _open(scored: int, judging: int, tokens: int | None) -> tuple[str, str]:
    if judging:
        return f"{4 - judging} of 4", "The reward comes when all four are scored."
    if scored < 4:
        return "needs 4 of 4", f"{scored} of the four perspectives have a score."
    if tokens is not None:  # the last score came a moment ago
        return "…", "All four are scored; the reward follows from them."
    return "–", "The reward’s length term needs the number of tokens, which is not known."


def _terms(reward: Reward) -> str:
    terms = [
        ("Empathy", MODES[reward.settings.mode], reward.empathy),
        ("Bystander", "what soundness takes away", reward.bystander),
    ]
    if reward.settings.length_coefficient:
        terms.append(("Length", f"above {reward.settings.length_limit} tokens", reward.length))
    return "".join(
        f"<div><dt>{name} <span>{what}</span></dt><dd>{signed(value)}</dd></div>"
        for name, what, value in terms
    )
