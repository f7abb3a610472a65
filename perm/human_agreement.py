"""How far does a judge agree with people? Its scores against anybody's own ratings of replies.

People's scale may be any: only the order counts. Several ratings of one reply from one seat are
averaged first. A reply without a score is left out of the figures and counted as unscored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from perm.selfcheck import Judging, Progress, Question, ask
from perm.statistics import Estimate, bootstrap, ordered_pairs, rank_correlation, rate
from perm.types import JudgeContext, Method, Perspective, Value, Verdict


class RatedReply(Value):
    """One reply that people rated from one seat. `ratings` are on their own scale."""

    perspective: Perspective
    context: JudgeContext
    ratings: tuple[float, ...]

    @property
    def rating(self) -> float:
        return fmean(self.ratings)


class AgreementReport(Value):
    """How one perspective's scores follow people's ratings.

    correlation: Spearman's, -1 to 1, its interval over seekers' texts; pairwise: of two replies
    that people rated differently, how often the judge ordered them as they did (0 to 1, chance
    0.5; a tie is a half), of `pairs`; length_alone: the correlation that the replies' lengths have.
    """

    perspective: Perspective
    replies: int
    ratings: int
    unscored: Estimate
    correlation: Estimate
    pairwise: float | None
    pairs: int
    length_alone: float | None


async def agreement(
    judge: Judging,
    rated: Sequence[RatedReply],
    method: Method,
    concurrency: int = 1,
    progress: Progress | None = None,
) -> tuple[AgreementReport, ...]:
    """Judge every reply from the seat it was rated from; a report for each seat that occurs."""
    in_order = sorted(rated, key=lambda each: list(Perspective).index(each.perspective))
    questions = [  # seat by seat, so that a rubric stays cached
        Question(item=each.context.message, perspective=each.perspective, context=each.context)
        for each in in_order
    ]
    outcomes = await ask(judge, questions, method, concurrency, progress)
    return report(zip(in_order, (each.verdict for each in outcomes), strict=True))


def report(judged: Iterable[tuple[RatedReply, Verdict]]) -> tuple[AgreementReport, ...]:
    """What came out, seat by seat. Pure: the same verdicts give the same figures."""
    whole = list(judged)
    found = []
    for perspective in Perspective:
        mine = [pair for pair in whole if pair[0].perspective is perspective]
        if mine:
            found.append(_of_one(perspective, mine))
    return tuple(found)


def _of_one(
    perspective: Perspective, judged: Sequence[tuple[RatedReply, Verdict]]
) -> AgreementReport:
    clusters: dict[str, list[tuple[float, float]]] = {}
    lengths: list[tuple[float, float]] = []
    for reply, verdict in judged:
        if verdict.score is not None:
            clusters.setdefault(reply.context.message, []).append((reply.rating, verdict.score))
            lengths.append((reply.rating, float(len(reply.context.part))))
    points = [point for cluster in clusters.values() for point in cluster]
    right, pairs = ordered_pairs(*_columns(points))
    return AgreementReport(
        perspective=perspective,
        replies=len(judged),
        ratings=sum(len(reply.ratings) for reply, _ in judged),
        unscored=rate(len(judged) - len(points), len(judged)),
        correlation=bootstrap(list(clusters.values()), _correlation, n=len(points)),
        pairwise=right / pairs if pairs else None,
        pairs=pairs,
        length_alone=rank_correlation(*_columns(lengths)),
    )


def _correlation(clusters: Sequence[Sequence[tuple[float, float]]]) -> float | None:
    return rank_correlation(*_columns([point for cluster in clusters for point in cluster]))


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [first for first, _ in points], [second for _, second in points]


def table(reports: Iterable[AgreementReport]) -> str:
    """All figures as a Markdown table."""
    lines = [
        "| perspective | replies | ratings | unscored | rank correlation | pairwise accuracy "
        "| length alone |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in reports:
        pairwise = "-" if each.pairwise is None else f"{each.pairwise:.0%}"
        unscored = "-" if each.unscored.value is None else f"{each.unscored.value:.0%}"
        length = "-" if each.length_alone is None else f"{each.length_alone:.2f}"
        lines.append(
            f"| {each.perspective} | {each.replies} | {each.ratings} | {unscored} "
            f"| {_number(each.correlation)} | {pairwise} of {each.pairs} pairs | {length} |"
        )
    return "\n".join(lines)


def _number(found: Estimate) -> str:
    if found.value is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{found.value:.2f}"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
