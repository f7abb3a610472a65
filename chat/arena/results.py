"""What the votes of a study say, and how far they can be trusted. Pure arithmetic on ballots.

A tie and "both bad" are no half-wins in secret: the win rate is given twice, over the votes that
named a winner, and over all votes with ties and both bad as halves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from chat.store.study_records import Ballot, Choice, Margin, Side
from perm.agreement import agreement, nominal
from perm.statistics import Estimate, bootstrap, rate
from perm.types import Value

CHANCE = 0.5


class Results(Value):
    """Every share is the first contestant's, or the left side's, with its 95 % interval.

    `decided`: of the votes that named a winner (Wilson). `overall`: of all votes, a tie or both bad
    counting a half, drawn anew over whole prompts, since votes on one prompt are not independent.
    `left`, `longer`, `reward`: of the decided votes, how often the left one, the longer one, the
    one with the higher reward won; where lengths or rewards are equal or missing a vote is left
    out. `raters`: votes by each rater's number. `agreement`: Krippendorff's alpha over the prompts
    that two raters or more have voted on.
    """

    votes: int
    a_wins: int
    b_wins: int
    ties: int
    both_bad: int
    clear: int
    decided: Estimate
    overall: Estimate
    left: Estimate
    longer: Estimate
    reward: Estimate
    raters: Mapping[int, int]
    agreement: Estimate


def results(ballots: Sequence[Ballot]) -> Results:
    wins = Counter(one.winner for one in ballots)
    choices = Counter(one.choice for one in ballots)
    decided = [one for one in ballots if one.winner is not None]
    return Results(
        votes=len(ballots),
        a_wins=wins[Side.A],
        b_wins=wins[Side.B],
        ties=choices[Choice.TIE],
        both_bad=choices[Choice.BOTH_BAD],
        clear=sum(one.margin is Margin.CLEAR for one in decided),
        decided=rate(wins[Side.A], len(decided)),
        overall=bootstrap(list(by_item(ballots).values()), _share_of_a, len(ballots)),
        left=rate(choices[Choice.LEFT], len(decided)),
        longer=_won(decided, lambda one: _higher(one.a_length, one.b_length)),
        reward=_won(decided, lambda one: _higher(one.a_reward, one.b_reward)),
        raters=dict(sorted(Counter(one.rater for one in ballots).items())),
        agreement=agreement([_verdicts(votes) for votes in by_item(ballots).values()], nominal),
    )


def by_item(ballots: Sequence[Ballot]) -> dict[int, list[Ballot]]:
    """The votes on each prompt, by its number."""
    found: defaultdict[int, list[Ballot]] = defaultdict(list)
    for one in ballots:
        found[one.item].append(one)
    return dict(sorted(found.items()))


def _share_of_a(items: Sequence[Sequence[Ballot]]) -> float | None:
    votes = [one for votes in items for one in votes]
    if not votes:
        return None
    won = sum(CHANCE if one.winner is None else float(one.winner is Side.A) for one in votes)
    return won / len(votes)


def _verdicts(votes: Sequence[Ballot]) -> list[str]:
    """What each rater said, by contestant and not by side: that is what they can agree on."""
    return [one.winner.value if one.winner else one.choice.value for one in votes]


def _won(decided: Sequence[Ballot], expected: Callable[[Ballot], Side | None]) -> Estimate:
    """How often the side that something else speaks for won."""
    told = [(one.winner, side) for one in decided if (side := expected(one)) is not None]
    return rate(sum(winner is side for winner, side in told), len(told))


def _higher(a: float | None, b: float | None) -> Side | None:
    if a is None or b is None or a == b:
        return None
    return Side.A if a > b else Side.B
