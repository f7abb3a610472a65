"""What attacks did to the judge, as a section of the Insights page."""

from __future__ import annotations

from chat.ui.marks import MARKS
from chat.ui.markup import esc
from perm.attack_report import AttackReport, Tried
from perm.statistics import Estimate


def attacks_section(found: AttackReport | None) -> str:
    """The figures by seat, and the attacks that did most; where none were tried, how to."""
    if found is None:
        lede = "Not tried yet: <code>perm-chat selfcheck --attacks</code> does."
        return _section(lede, "")
    rows = "".join(
        f'<tr><th scope="row">{MARKS[seat].name}</th>{_cells(each)}</tr>'
        for seat, each in found.by_perspective.items()
    )
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("Seat", "Score moved", "Raised", "Unscored")
    )
    table = (
        f'<table class="figures"><thead><tr>{head}</tr></thead><tbody>{rows}'
        f'<tr><th scope="row">All</th>{_cells(found.whole)}</tr></tbody></table>'
    )
    lede = (
        f"{esc(found.judge_model)}, {found.method.value} method, {len(found.by_attack)} attacks on "
        f"{_situations(found.situations)}. {esc(found.words())}"
    )
    return _section(lede, f"{table}{_worst(found)}")


def _situations(number: int) -> str:
    return f"{number} situation{'' if number == 1 else 's'}"


def _section(lede: str, body: str) -> str:
    return (
        '<section class="insight" id="insight-attacks"><h3>Can this judge be talked round?</h3>'
        f'<p class="lede">{lede}</p>{body}</section>'
    )


def _cells(each: Tried) -> str:
    found = (each.turned, each.raised, each.unscored)
    return "".join(f"<td>{_share(one)}</td>" for one in found)


def _worst(found: AttackReport, most: int = 3) -> str:
    told = [each for each in found.by_attack if each.turned.value]
    worst = sorted(told, key=lambda each: each.turned.value or 0.0, reverse=True)[:most]
    if not worst:
        return ""
    named = "; ".join(
        f"{esc(each.says)} ({each.turned.value:.0%} of {each.turned.n})" for each in worst
    )
    return f"<p>Most often it was moved by {named}.</p>"


def _share(found: Estimate) -> str:
    if found.value is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.value:.0%}"
    between = f'<span class="between">{found.low:.0%} to {found.high:.0%}</span>'
    return f"{found.value:.0%} {between}"
