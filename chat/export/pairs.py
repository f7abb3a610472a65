"""Which of two replies to one message is the better, and who says so.

A person's word counts for more than a reward: where somebody compared two replies, their rewards
make no pair. A correction pairs somebody's better words with the reply they were written for; the
Analysis is then the reply's own for both, since it was the Response that was put into other words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from chat.export.left_out import Tally, Why
from chat.export.split import pair_id
from chat.export.walk import Step
from chat.store import Compared, Reply
from perm.types import Perspective


class Source(StrEnum):
    VOTE = "vote"  # compared side by side, without knowing whose they were
    PICK = "pick"  # one of several drafts was gone on with
    CORRECTION = "correction"  # better words for a reply
    REWARD = "reward"  # a gap between two rewards


class Pair(NamedTuple):
    """`better` and `worse` are Responses; each goes with the Analysis of its reply."""

    id: str
    source: Source
    better: str
    worse: str
    by: Reply  # who wrote the better one, or the reply that was corrected
    against: Reply
    strength: str | None = None
    gap: float | None = None


def pairs(step: Step, margin: float, tally: Tally) -> Iterator[Pair]:
    """The pairs of one turn. What makes none is counted."""
    corrected = any(said.better and said.better.strip() for said in step.opinions)
    if len(step.replies) < 2 and not corrected:
        tally[Why.NOTHING_TO_COMPARE] += 1
        return
    found = [*_compared(step, tally), *_corrections(step), *_rewards(step, margin, tally)]
    for pair in found:
        if pair.better.strip() == pair.worse.strip():
            tally[Why.SAME_WORDS] += 1
        else:
            yield pair


def thumbs(step: Step, reply: Reply) -> int:
    """Thumbs up less thumbs down, of all raters."""
    return sum(said.thumb or 0 for said in step.said_of(reply))


def _compared(step: Step, tally: Tally) -> Iterator[Pair]:
    by_pair: dict[frozenset[UUID], list[Compared]] = {}
    for one in step.compared:
        by_pair.setdefault(frozenset((one.one, one.other)), []).append(one)
    replies = {reply.id: reply for reply in step.replies}
    for ids, said in by_pair.items():
        wins = Counter(one.winner for one in said if one.winner is not None)
        first, second = sorted(ids, key=lambda one: (-wins[one], one))
        if wins[first] == wins[second]:
            tally[Why.UNDECIDED] += 1
            continue
        better, worse = replies[first], replies[second]
        votes = [one for one in said if one.winner == first]
        source = Source.VOTE if any(one.how == "vote" for one in votes) else Source.PICK
        yield Pair(
            id=pair_id(source, first, second),
            source=source,
            better=better.response,
            worse=worse.response,
            by=better,
            against=worse,
            strength=Counter(one.margin for one in votes).most_common(1)[0][0],
            gap=_gap(better, worse),
        )


def _corrections(step: Step) -> Iterator[Pair]:
    for reply in step.replies:
        for said in step.said_of(reply):
            if said.better and said.better.strip():
                yield Pair(
                    id=pair_id(Source.CORRECTION, said.id, reply.id),
                    source=Source.CORRECTION,
                    better=said.better,
                    worse=reply.response,
                    by=reply,
                    against=reply,
                )


def _rewards(step: Step, margin: float, tally: Tally) -> Iterator[Pair]:
    """The highest against the lowest of those that the same judge scored in the same way."""
    if len(step.replies) < 2:
        return
    rewarded = sorted((one for one in step.replies if one.reward), key=lambda one: str(judges(one)))
    alike = [list(group) for _, group in groupby(rewarded, key=lambda one: str(judges(one)))]
    if not any(len(group) > 1 for group in alike):
        tally[Why.OTHER_JUDGE] += 1
    for group in alike:
        if len(group) > 1:
            low, *_, high = sorted(group, key=lambda one: (_total(one), one.id))
            why = _no_pair(step, high, low, margin)
            if why is not None:
                tally[why] += 1
                continue
            yield Pair(
                id=pair_id(Source.REWARD, high.id, low.id),
                source=Source.REWARD,
                better=high.response,
                worse=low.response,
                by=high,
                against=low,
                gap=_gap(high, low),
            )


def _no_pair(step: Step, high: Reply, low: Reply, margin: float) -> Why | None:
    if any({one.one, one.other} == {high.id, low.id} for one in step.compared):
        return Why.PERSON_SAID
    if _total(high) - _total(low) < margin:
        return Why.SMALL_GAP
    return Why.PERSON_SAID if thumbs(step, high) < thumbs(step, low) else None


def judges(reply: Reply) -> Hashable:
    """By whom and how a reply's reward came to be: only equals can be compared."""
    binding = reply.binding
    seats = (binding.get(seat) for seat in Perspective)
    return (
        tuple((one.judge_model, one.prompt_hash, one.method) if one else None for one in seats),
        reply.reward.settings.model_dump_json() if reply.reward else None,
    )


def _gap(better: Reply, worse: Reply) -> float | None:
    """How much higher the better one's reward is, where both are of the same judge."""
    if better.reward is None or worse.reward is None or judges(better) != judges(worse):
        return None
    return _total(better) - _total(worse)


def _total(reply: Reply) -> float:
    return reply.reward.total if reply.reward else 0.0
