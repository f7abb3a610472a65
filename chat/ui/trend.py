"""The Trend tab: the four perspectives over the turns, each on 0 to 1, with a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chat.store.records import Turn
from chat.ui.marks import MARKS, icon, share, short
from chat.ui.reward_card import signed
from chat.ui.scene import Scene
from perm.types import Perspective

WIDTH: Final = 480
HEIGHT: Final = 240
LEFT, RIGHT, TOP, BOTTOM = 34, 14, 12, 30

Points = list[list[tuple[float, float]]]


def trend_panel(scene: Scene) -> str:
    turns = [turn for turn in scene.turns if turn.chosen and turn.chosen.verdicts]
    if not turns:
        return (
            '<div class="panel-empty"><h3>The trend appears with the first scores</h3><p>Four '
            "lines over the turns, each on its own scale from lowest to highest.</p></div>"
        )
    return (
        f'<div class="trend"><h2>Over the turns</h2>{_legend()}{_chart(scene.turns)}'
        f'<p class="lede">0 is the lowest score of a scale, 1 its highest. '
        f"A gap is a turn without that score.</p>{_table(scene.turns)}</div>"
    )


def _legend() -> str:
    entries = "".join(
        f'<li>{icon(one)}<svg width="30" height="8" aria-hidden="true"><path d="M1 4H29" '
        f'stroke="{MARKS[one].colour}" stroke-width="2.5" stroke-dasharray="{MARKS[one].dash}" '
        f'stroke-linecap="{_cap(one)}"/></svg>{MARKS[one].name}</li>'
        for one in Perspective
    )
    return f'<ul class="legend">{entries}</ul>'


def _chart(turns: Sequence[Turn]) -> str:
    lines = "".join(_line(one, turns) for one in Perspective)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="The four scores over the turns; the table below gives the figures.">'
        f"{_grid(turns)}{lines}</svg>"
    )


def _grid(turns: Sequence[Turn]) -> str:
    rules = "".join(
        f'<path class="rule" d="M{LEFT} {_y(level):.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{_y(level) + 4:.1f}" text-anchor="end">'
        f"{level:g}</text>"
        for level in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    every = max(1, -(-len(turns) // 12))  # at most twelve labels, whole turns only
    labels = "".join(
        f'<text class="tick" x="{_x(place, len(turns)):.1f}" y="{HEIGHT - 8}" '
        f'text-anchor="middle">{turn.number}</text>'
        for place, turn in enumerate(turns)
        if place % every == 0
    )
    return rules + labels


def segments(perspective: Perspective, turns: Sequence[Turn]) -> Points:
    """The points of one line in SVG units; a turn without this score ends a segment."""
    found: Points = [[]]
    for place, turn in enumerate(turns):
        verdict = turn.chosen.binding.get(perspective) if turn.chosen else None
        if verdict is None or verdict.score is None:
            found.append([])
        else:
            found[-1].append((_x(place, len(turns)), _y(share(perspective, verdict.score))))
    return [segment for segment in found if segment]


def _line(perspective: Perspective, turns: Sequence[Turn]) -> str:
    mark = MARKS[perspective]
    drawn = ""
    for segment in segments(perspective, turns):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in segment)
        drawn += (
            f'<path d="M{path}" fill="none" stroke="{mark.colour}" stroke-width="2.5" '
            f'stroke-dasharray="{mark.dash}" stroke-linecap="{_cap(perspective)}" '
            'stroke-linejoin="round"/>'
        )
        drawn += "".join(
            f'<g transform="translate({x - 5.6:.1f} {y - 5.6:.1f}) scale(.7)" '
            f'fill="{mark.colour}">{mark.shape}</g>'
            for x, y in segment
        )
    return f'<g class="line {perspective.value}">{drawn}</g>'


def _cap(perspective: Perspective) -> str:
    return "round" if perspective is Perspective.RECEPTION else "butt"


def _x(place: int, count: int) -> float:
    room = WIDTH - LEFT - RIGHT
    return LEFT + room / 2 if count == 1 else LEFT + 12 + (room - 24) * place / (count - 1)


def _y(level: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - level)


def _table(turns: Sequence[Turn]) -> str:
    head = "".join(
        f'<th scope="col">{icon(one)}<span>{MARKS[one].name}</span></th>' for one in Perspective
    )
    rows = "".join(_table_row(turn) for turn in turns)
    return (
        '<table class="figures"><caption class="sr">The scores and the reward of each turn'
        f'</caption><thead><tr><th scope="col">Turn</th>{head}<th scope="col">Reward</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _table_row(turn: Turn) -> str:
    binding = turn.chosen.binding if turn.chosen else {}
    reward = turn.chosen.reward if turn.chosen else None
    cells = "".join(f"<td>{short(one, binding.get(one))}</td>" for one in Perspective)
    total = signed(reward.total) if reward else "–"
    return (
        f'<tr><th scope="row"><button type="button" class="link" data-action="turn" '
        f'data-value="{turn.id}" aria-label="Show turn {turn.number}">{turn.number}</button></th>'
        f"{cells}<td>{total}</td></tr>"
    )
