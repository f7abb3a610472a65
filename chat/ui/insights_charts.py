"""The small pictures of the Insights page, as inline SVG; the figures stand beside them as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chat.insights.figures import Distribution, HumanAgainstJudge
from chat.ui.marks import MARKS
from perm.types import Perspective

WIDTH: Final = 240
HEIGHT: Final = 96
FLOOR: Final = 78
"""Where the columns stand; the scale's ends are written below."""

MOST_POINTS: Final = 400
"""So many points tell the shape of a cloud; more would only weigh on the page."""


def columns(found: Distribution) -> str:
    """A column for each part of the scale."""
    tallest = max((*found.counts, 1))
    step = WIDTH / len(found.counts)
    mark = MARKS[found.perspective]
    bars = "".join(
        f'<rect x="{place * step + 2:.1f}" y="{FLOOR - height:.1f}" width="{step - 4:.1f}" '
        f'height="{height:.1f}" rx="2"><title>{count}</title></rect>'
        for place, count in enumerate(found.counts)
        for height in (max(1.5 if count else 0.0, 70 * count / tallest),)
    )
    said = ", ".join(map(str, found.counts))
    return (
        f'<svg class="columns-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{mark.name}: replies in each part of the scale, lowest first: {said}">'
        f'<g fill="{mark.colour}">{bars}</g>{_ends(found.perspective)}</svg>'
    )


def cloud(found: HumanAgainstJudge) -> str:
    """People along, the judge upwards; the diagonal is where both say the same."""
    side = 132
    mark = MARKS[found.perspective]
    points = "".join(
        f'<g transform="translate({x - 3.5:.1f} {y - 3.5:.1f}) scale(.44)">{mark.shape}</g>'
        for x, y in _places(found.perspective, found.points[-MOST_POINTS:], side)
    )
    return (
        f'<svg class="cloud" viewBox="0 0 {side} {side}" role="img" aria-label="{mark.name}: '
        f'{len(found.points)} replies, people’s rating along, the judge’s score upwards">'
        f'<path class="rule" d="M8 {side - 8}L{side - 8} 8M8 8V{side - 8}H{side - 8}"/>'
        f'<g fill="{mark.colour}" fill-opacity=".6">{points}</g></svg>'
    )


def _places(
    perspective: Perspective, points: Sequence[tuple[float, float]], side: int
) -> list[tuple[float, float]]:
    low, high = perspective.scale
    room = side - 24

    def along(value: float) -> float:
        return 12 + room * (value - low) / (high - low)

    return [(along(human), side - along(judge)) for human, judge in points]


def _ends(perspective: Perspective) -> str:
    low, high = perspective.scale
    return (
        f'<path class="rule" d="M0 {FLOOR + 0.5}H{WIDTH}"/>'
        f'<text class="tick" x="0" y="{HEIGHT - 4}">{low:.0f}</text>'
        f'<text class="tick" x="{WIDTH}" y="{HEIGHT - 4}" text-anchor="end">{high:.0f}</text>'
    )
