"""A reply's verdicts side by side: one line each time that somebody judged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from chat.store.records import Reply, SavedVerdict
from chat.ui.marks import MARKS, figure
from chat.ui.markup import esc
from chat.ui.perspective_row import WHY_UNSCORED
from perm.types import Method, Perspective, Verdict

Names = Mapping[str, str]
"""What a judge's prompt is called, by its hash; "" is the one in use."""

IN_USE: Final = "in use"
EARLIER: Final = "earlier"
"""A prompt that no file holds any more; its text is in the database."""


class Run(NamedTuple):
    """Verdicts that one judge gave at one time, at most one a perspective."""

    judge: str
    prompts: str
    method: Method
    begun: datetime
    verdicts: dict[Perspective, Verdict]


def runs(verdicts: Sequence[SavedVerdict], names: Names) -> list[Run]:
    """The verdicts in the order they were given, put together by who gave them and how."""
    found: list[Run] = []
    for saved in verdicts:
        one = saved.verdict
        key = (one.judge_model, title_of(one.prompt_hash, names), one.method)
        last = next((run for run in reversed(found) if run[:3] == key), None)
        if last is None or one.perspective in last.verdicts:
            last = Run(*key, saved.created_at, {})
            found.append(last)
        last.verdicts[one.perspective] = one
    return found


def table(reply: Reply, names: Names) -> str:
    """Judge, prompts, method, date and the four figures; those that count are marked."""
    if not reply.verdicts:
        return "<p>None.</p>"
    bound = list(reply.binding.values())
    heads = "".join(f'<th scope="col">{MARKS[one].name}</th>' for one in Perspective)
    body = "".join(
        f'<tr><th scope="row">{esc(run.judge) or "unknown"}</th><td>{esc(run.prompts)}</td>'
        f"<td>{run.method.value}</td><td>{run.begun:%-d %b %Y, %H:%M}</td>"
        f"{''.join(_cell(run.verdicts.get(one), one, bound) for one in Perspective)}</tr>"
        for run in runs(reply.verdicts, names)
    )
    return (
        '<div class="wide-table"><table class="figures runs"><caption class="sr">Every time this '
        "reply was judged</caption><thead><tr>"
        '<th scope="col">Judge</th><th scope="col">Prompts</th><th scope="col">Method</th>'
        f'<th scope="col">When, UTC</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
        '<p class="lede">Bold counts: scored over unscored, direct over reasoned, later over '
        "earlier.</p>"
    )


def title_of(prompt_hash: str, names: Names) -> str:
    """A prompt's version, for people."""
    name = names.get(prompt_hash)
    return (name or IN_USE) if name is not None else EARLIER


def _cell(verdict: Verdict | None, perspective: Perspective, bound: Sequence[Verdict]) -> str:
    if verdict is None:
        return "<td></td>"
    if verdict.score is None:
        why = WHY_UNSCORED[verdict.unscored] if verdict.unscored else ""
        return f'<td title="{esc(why)}">–<span class="sr"> unscored. {esc(why)}</span></td>'
    told = figure(perspective, verdict.score)
    return f"<td><b>{told}</b></td>" if verdict in bound else f"<td>{told}</td>"
