"""How the four perspectives look: one mark, colour, line and name each, told apart by shape too.

Colours reach 3:1 on white and on #18181B and stay distinct under the three colour-vision
deficiencies; shape and line style carry the same meaning for those who see no colour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from perm.types import Perspective, Value, Verdict


class Mark(Value):
    """`shape` is SVG inside a 16 x 16 box; `dash` an SVG stroke-dasharray."""

    name: str
    letter: str
    seat: str
    colour: str
    shape: str
    dash: str
    line: str


MARKS: Final[Mapping[Perspective, Mark]] = {
    Perspective.RESONATION: Mark(
        name="Resonation",
        letter="R",
        seat="how deeply the Analysis understands",
        colour="#3555E8",
        shape='<path d="M8 1 15 8 8 15 1 8Z"/>',
        dash="",
        line="solid",
    ),
    Perspective.EXPRESSION: Mark(
        name="Expression",
        letter="E",
        seat="how the Response is said",
        colour="#F85B06",
        shape='<path d="M8 1.5 15.2 14.5H.8Z"/>',
        dash="8 5",
        line="dashed",
    ),
    Perspective.RECEPTION: Mark(
        name="Reception",
        letter="C",
        seat="how it reaches the seeker",
        colour="#269B60",
        shape='<circle cx="8" cy="8" r="6.6"/>',
        dash="1.5 4.5",
        line="dotted",
    ),
    Perspective.BYSTANDER: Mark(
        name="Bystander",
        letter="B",
        seat="how sound it is to an outsider",
        colour="#B32C91",
        shape='<path d="M2 2H14V14H2Z"/>',
        dash="9 4 1.5 4",
        line="dash-dot",
    ),
}


def icon(perspective: Perspective) -> str:
    """The mark as an inline SVG; decoration only, the name stands beside it."""
    mark = MARKS[perspective]
    return (
        f'<svg class="mark" viewBox="0 0 16 16" width="16" height="16" fill="{mark.colour}" '
        f'aria-hidden="true" focusable="false">{mark.shape}</svg>'
    )


def share(perspective: Perspective, score: float) -> float:
    """Where the score lies on its scale, 0.0 to 1.0."""
    low, high = perspective.scale
    return (score - low) / (high - low)


def figure(perspective: Perspective, score: float) -> str:
    """The score as people read it: `4.2`, a bystander's `78`."""
    return f"{score:.0f}" if perspective is Perspective.BYSTANDER else f"{score:.1f}"


def short(perspective: Perspective, verdict: Verdict | None) -> str:
    """The figure, or a dash where there is none."""
    if verdict is None or verdict.score is None:
        return "–"
    return figure(perspective, verdict.score)


def spread(distribution: Mapping[str, float]) -> float:
    """The standard deviation of a distribution over levels ("1" to "5"), in levels."""
    levels = [(float(level), share_) for level, share_ in distribution.items()]
    total = sum(share_ for _, share_ in levels)
    mean = sum(level * share_ for level, share_ in levels) / total
    return math.sqrt(sum(share_ * (level - mean) ** 2 for level, share_ in levels) / total)
