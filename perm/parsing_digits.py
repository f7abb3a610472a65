"""The direct method: a score from the probabilities of the digit tokens, instead of from words.

The expected value over the exact tokens 1 to 5, renormalised. What they cover of the probability
(the mass) is kept, and below 0.9 the judge was about to say something else: no score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from perm.types import Unscored, Value

LEVELS: Final = ("1", "2", "3", "4", "5")
LEAST_MASS: Final = 0.9

_DIGITS: Final = frozenset("0123456789")
_IMPOSSIBLE: Final = -10_000  # of a logarithm, below which the probability is 0
_ROUNDING: Final = 0.01  # how far above 1 a sum of probabilities, or above 0 a logarithm, may be


class Digits(Value):
    """The reading of one place: a score from 1.0 to 5.0, or why none.

    `distribution`: probability of each level, sum 1; `mass`: what the levels covered, 0 to 1.
    """

    score: float | None = None
    distribution: Mapping[str, float] | None = None
    mass: float | None = None
    unscored: Unscored | None = None


def tokens_of(logprobs: object) -> list[Mapping[str, Any]]:
    """The places of an answer in OpenAI's form (`logprobs["content"]`), if there are any."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(content, Sequence) or isinstance(content, str):
        return []
    return [place for place in content if isinstance(place, Mapping)]


def read_digits(place: Mapping[str, Any]) -> Digits:
    """The level at one place, from its `top_logprobs`. Never raises.

    A token with one space before the digit is the same level: some tokenisers write it so. `50` is
    no level, nor is a digit of another script.
    """
    chances = _chances(place)
    if chances is None:
        return Digits(unscored=Unscored.BAD_NUMBER)
    levels = dict.fromkeys(LEVELS, 0.0)
    for token, chance in chances:
        if token.removeprefix(" ") in levels:
            levels[token.removeprefix(" ")] += chance
    mass = math.fsum(levels.values())
    if mass > 1 + _ROUNDING:
        return Digits(unscored=Unscored.BAD_NUMBER)
    if mass < LEAST_MASS:
        return Digits(mass=mass, unscored=Unscored.LOW_MASS)
    distribution = {level: chance / mass for level, chance in levels.items()}
    score = math.fsum(int(level) * chance for level, chance in distribution.items())
    return Digits(score=min(5.0, max(1.0, score)), distribution=distribution, mass=min(1.0, mass))


def numbers_mass(places: Sequence[Mapping[str, Any]], count: int) -> float | None:
    """The least probability that digits had where each of `count` numbers begins (0 to 1).

    None where that cannot be told: NaN among the probabilities, or fewer numbers.
    """
    masses: list[float] = []
    in_number = False
    for place in places:
        token = str(place.get("token", ""))
        begins = token.lstrip()[:1] in _DIGITS and bool(token.strip())
        if begins and (not in_number or token[:1].isspace()):
            chances = _chances(place)
            if chances is None:
                return None
            masses.append(math.fsum(chance for word, chance in chances if _is_number(word)))
        in_number = token[-1:] in _DIGITS and bool(token)
    return min(1.0, *masses[:count]) if len(masses) >= count else None


def _is_number(token: str) -> bool:
    return bool(token.strip()) and _DIGITS.issuperset(token.strip())


def _chances(place: Mapping[str, Any]) -> list[tuple[str, float]] | None:
    """Each token with its probability; None if one of them is no probability at all."""
    entries = place.get("top_logprobs")
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return None
    chances = [_chance(entry) for entry in entries]
    return None if None in chances else [chance for chance in chances if chance]


def _chance(entry: object) -> tuple[str, float] | None:
    if not isinstance(entry, Mapping):
        return None
    token, logprob = entry.get("token"), entry.get("logprob")
    if not isinstance(token, str) or not isinstance(logprob, int | float):
        return None
    # Compared before anything makes a float of it: a whole number may be too large for one.
    if isinstance(logprob, bool) or not logprob <= _ROUNDING:
        return None
    return token, math.exp(max(logprob, _IMPOSSIBLE))
