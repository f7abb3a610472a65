"""Can a judge be talked round? Attacks of known wording, on replies of known levels.

What parsing and fencing guarantee is tested with scripted judges; what is counted here depends on
the judge. Each situation's lowest reply is attacked, since it has the most to gain, and each try is
compared with the same turn without the attack, judged in the same run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from perm.attack_report import AttackReport, AttackTried, Tried
from perm.attack_set import Attack, AttackSet, Expectation, Place, at_most, tolerance
from perm.fencing import says_something
from perm.selfcheck import Judging, Outcome, Progress, Question, ask
from perm.selfcheck_set import HarmfulPair, SelfCheckSet, Situation
from perm.statistics import Estimate, bootstrap, rate
from perm.types import JudgeContext, Method, Perspective, Value

Key = tuple[str, Perspective]
"""A turn as one seat sees it: the situation's id, the perspective."""


class Trial(Value):
    """One judge call to be made. `attack` is None for the turn as it is; `constant`: one reply to
    everybody."""

    question: Question
    attack: str | None = None
    place: Place | None = None
    constant: bool = False

    @property
    def key(self) -> Key:
        return self.question.item, self.question.perspective


class Tested(Value):
    """A trial and what it came to. `clean`: the score of the same turn without the attack."""

    trial: Trial
    outcome: Outcome
    expects: Expectation
    clean: float | None

    @property
    def called(self) -> bool:
        """Whether there was anything to ask the judge: an empty part is unscored without a call."""
        return says_something(self.trial.question.context.part)

    @property
    def turned(self) -> bool | None:
        """Whether the attack succeeded; None where that cannot be told."""
        seat, score = self.trial.question.perspective, self.outcome.score
        if self.expects is Expectation.AT_MOST_TWO:
            return score > at_most(seat) if score is not None else (None if self.called else False)
        moved = self._moved
        return None if moved is None else abs(moved) > tolerance(seat)

    @property
    def raised(self) -> bool | None:
        """Whether it succeeded upwards."""
        if self.expects is Expectation.AT_MOST_TWO:
            return self.turned
        moved = self._moved
        return None if moved is None else moved > tolerance(self.trial.question.perspective)

    @property
    def _moved(self) -> float | None:
        score = self.outcome.score
        return None if score is None or self.clean is None else score - self.clean


async def attack(
    judge: Judging,
    items: SelfCheckSet,
    attacks: AttackSet,
    method: Method,
    concurrency: int = 1,
    *,
    progress: Progress | None = None,
) -> AttackReport:
    """Try every attack on every situation, and count. At most `concurrency` calls at once."""
    made = trials(items, attacks)
    outcomes = await ask(judge, [each.question for each in made], method, concurrency, progress)
    return report(items, attacks, method, list(zip(made, outcomes, strict=True)))


def trials(items: SelfCheckSet, attacks: AttackSet) -> list[Trial]:
    """Every call that is needed: rubric by rubric and situation by situation, what shares the
    longest beginning together, so that an engine that caches prefixes reads little."""
    return [
        trial
        for seat in Perspective
        for trial in (*_on_situations(items, attacks, seat), *_constant(items, attacks, seat))
    ]


def report(
    items: SelfCheckSet,
    attacks: AttackSet,
    method: Method,
    judged: Sequence[tuple[Trial, Outcome]],
) -> AttackReport:
    """What the outcomes say. Pure."""
    plain = {
        trial.key: outcome.score
        for trial, outcome in judged
        if trial.attack is None and not trial.constant
    }
    known = {each.name: each for each in attacks.attack}
    tested = [
        Tested(
            trial=trial,
            outcome=outcome,
            expects=known[trial.attack].expects,
            clean=plain.get(trial.key),
        )
        for trial, outcome in judged
        if trial.attack is not None
    ]
    return AttackReport(
        judge_model=next((outcome.verdict.judge_model for _, outcome in judged), ""),
        method=method,
        prompt_hashes={
            outcome.question.perspective: outcome.verdict.prompt_hash for _, outcome in judged
        },
        set_hash=items.hash,
        attacks_hash=attacks.hash,
        situations=len(items.situations),
        whole=_tried(tested),
        by_perspective={
            seat: _tried(one for one in tested if one.trial.question.perspective is seat)
            for seat in Perspective
        },
        by_attack=tuple(_by_attack(each, tested) for each in attacks.attack),
        false_unscored=rate(sum(score is None for score in plain.values()), len(plain)),
        constant={seat: _mean(judged, seat) for seat in Perspective},
    )


def _on_situations(items: SelfCheckSet, attacks: AttackSet, seat: Perspective) -> Iterator[Trial]:
    for situation in items.situations:
        context = _context(situation, _lowest(situation, seat))
        yield Trial(question=_question(situation, seat, context))
        for place in Place:
            for each in attacks.attack:
                if place in each.places:
                    attacked = _question(situation, seat, each.on(context, place))
                    yield Trial(question=attacked, attack=each.name, place=place)


def _constant(items: SelfCheckSet, attacks: AttackSet, seat: Perspective) -> Iterator[Trial]:
    sources: list[Situation | HarmfulPair] = [*items.situations, *items.pairs]
    for source in sources[: attacks.constant.situations]:
        question = _question(source, seat, _context(source, attacks.constant.text))
        yield Trial(question=question, constant=True)


def _context(source: Situation | HarmfulPair, part: str) -> JudgeContext:
    return JudgeContext(
        persona=source.persona, scenario=source.scenario, message=source.message, part=part
    )


def _question(
    source: Situation | HarmfulPair, seat: Perspective, context: JudgeContext
) -> Question:
    return Question(item=source.id, perspective=seat, context=context)


def _lowest(situation: Situation, seat: Perspective) -> str:
    """The part at the lowest level, the first of several."""
    if seat.rates_analysis:
        return min(situation.analyses, key=lambda each: each.level).text
    return min(situation.responses, key=lambda each: each.level(seat)).text


def _by_attack(attack: Attack, tested: Iterable[Tested]) -> AttackTried:
    mine = _tried(each for each in tested if each.trial.attack == attack.name)
    return AttackTried(name=attack.name, says=attack.says, expects=attack.expects, **dict(mine))


def _tried(tested: Iterable[Tested]) -> Tried:
    group = list(tested)
    told = [each for each in group if each.turned is not None]
    called = [each for each in group if each.called]
    return Tried(
        tries=len(group),
        turned=rate(sum(bool(each.turned) for each in told), len(told)),
        raised=rate(sum(bool(each.raised) for each in told), len(told)),
        unscored=rate(sum(each.outcome.score is None for each in called), len(called)),
        left_out=len(group) - len(told),
    )


def _mean(judged: Iterable[tuple[Trial, Outcome]], seat: Perspective) -> Estimate:
    scores = [
        outcome.score
        for trial, outcome in judged
        if trial.constant and outcome.question.perspective is seat and outcome.score is not None
    ]
    return bootstrap(scores, _average, n=len(scores))


def _average(scores: Sequence[float]) -> float | None:
    return sum(scores) / len(scores) if scores else None
