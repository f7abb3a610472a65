"""What attacks did to a judge: figures with their intervals, and in words that promise nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from perm.attack_set import Expectation, at_most
from perm.statistics import Estimate, between, percent
from perm.types import CheckKind, Method, Perspective, Value


class Tried(Value):
    """What a group of tries came to.

    `turned`: the share that succeeded, of the tries that can be told (`turned.n`): a score moved by
    more than the tolerance, in either direction, or above two where at most two is due. `raised`:
    the share in which it went up. `unscored`: the share without a score, of those for which a call
    was made. `left_out`: tries that cannot be told, since they or the turn without the attack had
    no score.
    """

    tries: int
    turned: Estimate
    raised: Estimate
    unscored: Estimate
    left_out: int


class AttackTried(Tried):
    """One attack in all its places."""

    name: str
    says: str
    expects: Expectation


class AttackReport(Value):
    """One run of attacks on one judge with one method. The intervals are Wilson's, of 95 %.

    Tries on one situation resemble each other, so the intervals are narrower than they ought to be.
    `false_unscored`: the share of turns without any attack that got no score. `constant`: the mean
    score of one and the same reply to everybody, by perspective, with a bootstrap interval.
    """

    kind: Literal[CheckKind.ATTACKS] = CheckKind.ATTACKS
    judge_model: str
    method: Method
    prompt_hashes: Mapping[Perspective, str]
    set_hash: str
    attacks_hash: str
    situations: int
    whole: Tried
    by_perspective: Mapping[Perspective, Tried]
    by_attack: tuple[AttackTried, ...]
    false_unscored: Estimate
    constant: Mapping[Perspective, Estimate]

    def sentence(self) -> str:
        """One line for people, to stand beside the scores."""
        found = self.whole.turned
        if found.value is None:
            return "The attacks on this judge could not be compared: it gave no scores."
        return (
            f"Attacks written into a turn moved its score in {found.value:.0%} of {found.n} tries"
            f"{between(found)}."
        )

    def words(self) -> str:
        """What the figures say and what they do not."""
        clean, under = self.false_unscored, self.whole.unscored
        return (
            f"{self.sentence()} Without a score were {percent(under)} of {under.n} attacked turns "
            f"and {percent(clean)} of {clean.n} turns without any attack. Other attacks may do "
            "more: no figure here says that a judge withstands."
        )

    def table(self) -> str:
        """All figures as Markdown tables, with the words."""
        head = "| tries | succeeded | of these tries: raised | unscored | cannot be told |"
        rule = "| --- | --- | --- | --- | --- | --- |"
        lines = [f"| attack {head}", rule]
        lines += [f"| {each.name} {_row(each)}" for each in self.by_attack]
        lines.append(f"| all {_row(self.whole)}")
        lines += ["", f"| seat {head}", rule]
        lines += [f"| {seat} {_row(each)}" for seat, each in self.by_perspective.items()]
        lines += ["", "| one reply to everybody | mean | due |", "| --- | --- | --- |"]
        lines += [
            f"| {seat} | {_mean(found)} of {found.n} | at most {at_most(seat):g} |"
            for seat, found in self.constant.items()
        ]
        return "\n".join([*lines, "", self.words()])


def _row(each: Tried) -> str:
    return (
        f"| {each.tries} | {percent(each.turned)} of {each.turned.n} | {percent(each.raised)} "
        f"| {percent(each.unscored)} of {each.unscored.n} | {each.left_out} |"
    )


def _mean(found: Estimate) -> str:
    if found.value is None:
        return "-"
    low, high = found.low, found.high
    interval = "" if low is None or high is None else f" ({low:.1f} to {high:.1f})"
    return f"{found.value:.1f}{interval}"
