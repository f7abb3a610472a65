"""The Insights page's content: figures with their n and intervals, pictures, and plain words."""

from __future__ import annotations

from chat.insights import Insights
from chat.insights.figures import HumanAgainstJudge, Spread, Thumbs
from chat.ui.insights_attacks import attacks_section
from chat.ui.insights_charts import cloud, columns
from chat.ui.marks import MARKS, figure, icon
from chat.ui.markup import esc
from chat.ui.reward_card import signed
from perm.attack_report import AttackReport
from perm.selfcheck_report import PerspectiveReport, SelfCheckReport
from perm.statistics import Estimate
from perm.types import Method

FEW = 20
"""Below so many a figure comes with the word that it is little to go by."""


def insights_sheet(
    found: Insights, checked: SelfCheckReport | None, attacked: AttackReport | None = None
) -> str:
    """`checked`, `attacked`: the last checks of the present judge, None where there was none."""
    if not found.replies:
        return (
            '<div class="panel-empty"><h3>Figures appear with the first scored replies</h3>'
            "<p>Conversations that you agreed to keep are counted here; nobody else’s.</p></div>"
            f"{_selfcheck(checked)}{attacks_section(attacked)}"
        )
    return "".join(
        (
            _distributions(found),
            _people(found),
            _thumbs(found.thumbs),
            _times(found),
            _selfcheck(checked),
            attacks_section(attacked),
        )
    )


def _section(name: str, title: str, lede: str, body: str) -> str:
    return (
        f'<section class="insight" id="insight-{name}"><h3>{title}</h3>'
        f'<p class="lede">{lede}</p>{body}</section>'
    )


def _distributions(found: Insights) -> str:
    cards = "".join(
        f"<article><header>{icon(one.perspective)}<h4>{MARKS[one.perspective].name}</h4>"
        f"<b>{figure(one.perspective, one.mean) if one.mean is not None else '–'}</b></header>"
        f"{columns(one)}<p>{one.n} scored, {one.without} without a score</p></article>"
        for one in found.distributions
    )
    newest = "the newest " if found.more else ""
    lede = f"How {newest}{found.replies} replies were scored. The figure is the mean."
    return _section("scores", "Scores", lede, f'<div class="insight-cards">{cards}</div>')


def _people(found: Insights) -> str:
    if not any(one.points for one in found.against):
        return _section(
            "people",
            "People against the judge",
            "Rate replies on the judge’s own scales under Feedback, and the two are compared here.",
            "",
        )
    cards = "".join(_against(one) for one in found.against)
    lede = (
        "Replies that a person has rated and the judge has scored: people along, the judge "
        "upwards. The rank correlation is 1 where both order the replies alike, 0 where neither "
        "tells anything of the other; behind it its 95 % interval."
    )
    return _section(
        "people",
        "People against the judge",
        lede,
        f'<div class="insight-cards">{cards}</div>{_raters(found)}',
    )


def _against(one: HumanAgainstJudge) -> str:
    if not one.points:
        return (
            f"<article><header>{icon(one.perspective)}<h4>{MARKS[one.perspective].name}</h4>"
            "<b>–</b></header><p>Nobody has rated this yet.</p></article>"
        )
    difference = ""
    if one.difference is not None:
        side = "higher" if one.difference > 0 else "lower"
        difference = f", the judge {abs(one.difference):.1f} {side} on average"
    return (
        f"<article><header>{icon(one.perspective)}<h4>{MARKS[one.perspective].name}</h4>"
        f"<b>{_number(one.correlation)}</b></header>{cloud(one)}"
        f"<p>{len(one.points)} replies{difference}.{_few(len(one.points))}</p></article>"
    )


def _raters(found: Insights) -> str:
    known = [(one, each) for one, each in found.agreement.items() if each.n]
    if found.raters < 2 or not known:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{MARKS[one].name}</th><td>{_number(each)}</td><td>{each.n}</td></tr>'
        for one, each in known
    )
    return (
        f'<h4>How far {found.raters} raters agree</h4><table class="figures"><thead><tr>'
        '<th scope="col">Seat</th><th scope="col">Krippendorff’s alpha</th>'
        '<th scope="col">Replies rated twice or more</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _thumbs(found: Thumbs) -> str:
    title = "The reward against thumbs"
    if found.ordered is None:
        have = f"{found.up} up, {found.down} down so far. " if found.up + found.down else ""
        lede = f"{have}With thumbs up and thumbs down on rewarded replies they are compared here."
        return _section("thumbs", title, lede, "")
    lede = (
        f"Of a liked and a disliked reply, the liked one had the higher reward in "
        f"<b>{found.ordered:.0%}</b> of {found.pairs} pairs; chance gives 50 %. Mean reward "
        f"{_mean(found.mean_up)} of {found.up} liked, {_mean(found.mean_down)} of {found.down} "
        f"disliked replies.{_few(min(found.up, found.down))}"
    )
    return _section("thumbs", title, lede, "")


def _times(found: Insights) -> str:
    named = [("First word of a reply", found.first_token), ("Whole reply", found.complete)]
    named += [
        (f"One {'direct' if method is Method.DIRECT else 'reasoned'} verdict", each)
        for method, each in found.verdicts.items()
    ]
    rows = "".join(_time(name, each) for name, each in named if each.n)
    if not rows:
        return ""
    body = (
        '<table class="figures"><thead><tr><th scope="col"></th><th scope="col">Median</th>'
        '<th scope="col">95 of 100 within</th><th scope="col">n</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return _section("times", "Times", "In seconds, as they were measured while you talked.", body)


def _time(name: str, each: Spread) -> str:
    def seconds(value: float | None) -> str:
        return "–" if value is None else f"{value:.1f}"

    return (
        f'<tr><th scope="row">{name}</th><td>{seconds(each.median)}</td>'
        f"<td>{seconds(each.p95)}</td><td>{each.n}</td></tr>"
    )


def _selfcheck(checked: SelfCheckReport | None) -> str:
    title = "How far can this judge be trusted?"
    if checked is None:
        lede = "It was not checked yet: <code>perm-chat selfcheck</code> does."
        return _section("selfcheck", title, lede, "")
    rows = "".join(_checked_row(each) for each in checked.perspectives)
    lede = (
        f"{esc(checked.judge_model)} on replies of known levels, {checked.method.value} method: "
        "how often it scored the better of two higher (chance 50 %), and the rank correlation of "
        f"its scores with the levels. {esc(checked.harm_words())}"
    )
    body = (
        '<table class="figures"><thead><tr><th scope="col">Seat</th>'
        '<th scope="col">Better of two</th><th scope="col">Rank correlation</th>'
        '<th scope="col">Unscored</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return _section("selfcheck", title, lede, body)


def _checked_row(each: PerspectiveReport) -> str:
    return (
        f'<tr><th scope="row">{MARKS[each.perspective].name}</th>'
        f"<td>{_share(each.pairwise)}</td><td>{_number(each.correlation)}</td>"
        f"<td>{_share(each.unscored)}</td></tr>"
    )


def _share(found: Estimate) -> str:
    return "–" if found.value is None else f"{found.value:.0%}{_between(found, '.0%')}"


def _number(found: Estimate) -> str:
    return "–" if found.value is None else f"{signed(found.value)}{_between(found, '.2f')}"


def _between(found: Estimate, form: str) -> str:
    if found.low is None or found.high is None:
        return ""
    low, high = (f"{bound:{form}}".replace("-", "−") for bound in (found.low, found.high))
    return f' <span class="between">{low} to {high}</span>'


def _mean(value: float | None) -> str:
    return "–" if value is None else signed(value)


def _few(n: int) -> str:
    return " That is little to go by." if 0 < n < FEW else ""
