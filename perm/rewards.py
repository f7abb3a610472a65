"""The reward: pure arithmetic on four scores (PERM, arXiv:2601.10532).

reward = empathy + bystander term + length term, with r, e, c the scores of resonation, expression
and reception (1 to 5), b the bystander's (0 to 100), n the completion's tokens:

    harmonic    W / (w_r 5/r + w_e 5/e + w_c 5/c)             W = w_r + w_e + w_c
    mean        (w_r r + w_e e + w_c c) / (5 W)
    geometric   (r/5)^(w_r/W) (e/5)^(w_e/W) (c/5)^(w_c/W)
    bystander   k (b/100 - 1)
    length      -l max(0, n - limit)

With equal weights these are the paper's. A score outside its scale is refused, never left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from perm.types import EMPATHY, Perspective, Reward, RewardMode, RewardSettings, Verdict

_DEFAULT = RewardSettings()


def reward(
    scores: Mapping[Perspective, float],
    settings: RewardSettings = _DEFAULT,
    tokens: int | None = None,
) -> Reward:
    """The reward of four scores; `tokens` is the completion's length, needed for a length term.

    empathy lies in [0.2, 1], the other two terms are at most 0. Raises ValueError for a score that
    is missing, outside its scale or no number, and for a length term without `tokens`.
    """
    for perspective in Perspective:
        _check(perspective, scores.get(perspective))
    empathy = _empathy([float(scores[seat]) for seat in EMPATHY], settings)
    bystander = settings.bystander_coefficient * (scores[Perspective.BYSTANDER] / 100 - 1)
    length = _length(settings, tokens)
    return Reward(
        empathy=empathy,
        bystander=bystander,
        length=length,
        total=empathy + bystander + length,
        settings=settings,
    )


def reward_of(
    binding: Mapping[Perspective, Verdict],
    settings: RewardSettings = _DEFAULT,
    tokens: int | None = None,
) -> Reward | None:
    """The reward of the binding verdicts; None unless all four are scored and it has its terms."""
    scores = {seat: verdict.score for seat, verdict in binding.items() if verdict.score is not None}
    if len(scores) < len(Perspective) or (settings.length_coefficient > 0 and tokens is None):
        return None
    return reward(scores, settings, tokens)


def formula(reward: Reward, scores: Mapping[Perspective, float]) -> str:
    """The formula with today's numbers: `3 / (5/4.2 + 5/3.6 + 5/4) + 0.1 (78/100 - 1) = 0.76`."""
    settings = reward.settings
    terms = [_empathy_in_words(settings, [_short(scores[seat]) for seat in EMPATHY])]
    if settings.bystander_coefficient:
        bystander = _short(scores[Perspective.BYSTANDER])
        terms.append(f"{_short(settings.bystander_coefficient)} ({bystander}/100 - 1)")
    text = " + ".join(terms)
    if settings.length_coefficient:
        above = round(-reward.length / settings.length_coefficient)
        text += f" - {settings.length_coefficient:g} × {above}"
    return f"{text} = {_short(reward.total)}"


def _check(perspective: Perspective, score: float | None) -> None:
    low, high = perspective.scale
    if score is None:
        raise ValueError(f"the reward needs a score for {perspective}")
    if isinstance(score, bool) or not isinstance(score, int | float) or not low <= score <= high:
        raise ValueError(f"{perspective} is scored {low:g} to {high:g}, not {score!r}")


def _weights(settings: RewardSettings) -> list[float]:
    """The three weights, in the order of EMPATHY, as shares of the whole."""
    weights = [settings.resonation_weight, settings.expression_weight, settings.reception_weight]
    greatest = max(weights)  # first, so that neither huge nor tiny weights leave the number range
    relative = [weight / greatest for weight in weights]
    return [weight / math.fsum(relative) for weight in relative]


def _empathy(scores: list[float], settings: RewardSettings) -> float:
    pairs = list(zip(_weights(settings), scores, strict=True))
    if settings.mode is RewardMode.HARMONIC:
        value = 1 / math.fsum(weight * 5 / score for weight, score in pairs)
    elif settings.mode is RewardMode.MEAN:
        value = math.fsum(weight * score / 5 for weight, score in pairs)
    else:
        value = math.exp(math.fsum(weight * math.log(score / 5) for weight, score in pairs))
    return min(1.0, max(0.2, value))  # the exact value lies there; its rounding may not


def _length(settings: RewardSettings, tokens: int | None) -> float:
    if settings.length_coefficient == 0:
        return 0.0
    if tokens is None or isinstance(tokens, bool) or tokens < 0:
        raise ValueError("the length term needs the completion's length in tokens")
    return -settings.length_coefficient * max(0, tokens - settings.length_limit)


def _empathy_in_words(settings: RewardSettings, scores: list[str]) -> str:
    weights = [settings.resonation_weight, settings.expression_weight, settings.reception_weight]
    whole = _short(math.fsum(weights))
    equal = len(set(weights)) == 1
    if equal:
        whole, weighted = "3", [""] * 3
    else:
        weighted = [f"{_short(weight)}×" for weight in weights]
    pairs = list(zip(weighted, scores, strict=True))
    if settings.mode is RewardMode.HARMONIC:
        return f"{whole} / ({' + '.join(f'{weight}5/{score}' for weight, score in pairs)})"
    if settings.mode is RewardMode.MEAN:
        return f"({' + '.join(f'{weight}{score}' for weight, score in pairs)}) / (5×{whole})"
    if equal:
        return f"({'×'.join(scores)} / 125)^(1/3)"
    powers = zip(scores, weights, strict=True)
    return " × ".join(f"({score}/5)^({_short(weight)}/{whole})" for score, weight in powers)


def _short(number: float) -> str:
    """At most two digits behind the point, none that are naught."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
