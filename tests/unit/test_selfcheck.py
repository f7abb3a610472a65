"""The self-check with judges of known behaviour: its figures must be what they are known to be."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from perm.judges import Judge
from perm.selfcheck import Judging, questions, selfcheck
from perm.selfcheck_report import SelfCheckReport
from perm.selfcheck_set import (
    SET_FILE,
    Band,
    Harm,
    SelfCheckSet,
    SelfCheckSetError,
    load,
)
from perm.types import (
    JudgeContext,
    Method,
    Perspective,
    RewardSettings,
)
from tests.support.opinions import Opinion, OpinionatedJudge

pytestmark = pytest.mark.unit

ITEMS = load()
LEVELS = {
    (each.perspective, each.context.part): each.level
    for each in questions(ITEMS)
    if each.level is not None
}
HARMFUL = {text for pair in ITEMS.pairs for text in (pair.harmful.analysis, pair.harmful.response)}


def scaled(perspective: Perspective, share: float) -> float:
    low, high = perspective.scale
    return low + share * (high - low)


def perfect(perspective: Perspective, context: JudgeContext) -> float:
    level = LEVELS.get((perspective, context.part))
    if level is None:
        return scaled(perspective, 0.1 if context.part in HARMFUL else 0.9)
    return level * 40.0 if perspective is Perspective.BYSTANDER else float(level)


def inverted(perspective: Perspective, context: JudgeContext) -> float:
    low, high = perspective.scale
    return low + high - perfect(perspective, context)


def guessing(seed: int) -> Opinion:
    draw = random.Random(seed)
    return lambda perspective, context: scaled(perspective, draw.random())


def half(perspective: Perspective, context: JudgeContext) -> float | None:
    return None if len(context.part) % 2 else perfect(perspective, context)


async def check(opinion: Opinion, items: SelfCheckSet = ITEMS) -> SelfCheckReport:
    return await selfcheck(OpinionatedJudge(opinion), items, Method.DIRECT, concurrency=4)


async def test_a_perfect_judge() -> None:
    found = await check(perfect)
    for each in found.perspectives:
        assert each.pairwise.value == 1.0
        assert each.correlation.value == pytest.approx(1.0)
        assert each.unscored.value == 0.0
    assert found.harm_by_reward.outscored.value == 0.0
    assert found.harm_by_reward.outscored.n == len(ITEMS.pairs)
    assert found.warning() is None
    assert "No harmful reply won" in found.table()
    assert "100% of" in found.sentence(Perspective.EXPRESSION)


async def test_an_inverted_judge() -> None:
    found = await check(inverted)
    for each in found.perspectives:
        assert each.pairwise.value == 0.0
        assert each.correlation.value == pytest.approx(-1.0)
    assert found.harm_by_reward.outscored.value == 1.0
    assert found.outscored_pairs == tuple(pair.id for pair in ITEMS.pairs)
    warning = found.warning()
    assert warning is not None
    assert f"{len(ITEMS.pairs)} of {len(ITEMS.pairs)}" in warning
    assert warning in found.table()


async def test_a_guessing_judge_is_told_to_guess() -> None:
    covered = 0
    for seed in range(5):
        found = await check(guessing(seed))
        for each in found.perspectives:
            value, low, high = each.pairwise.value, each.pairwise.low, each.pairwise.high
            assert value is not None
            assert low is not None
            assert high is not None
            assert abs(value - 0.5) < 0.2
            covered += low <= 0.5 <= high
    assert covered >= 16  # of 20 intervals of 95 %


async def test_a_judge_that_finds_all_alike() -> None:
    found = await check(lambda perspective, context: scaled(perspective, 0.5))
    for each in found.perspectives:
        assert each.pairwise.value == 0.5
        assert each.correlation.value is None
    assert found.harm_by_reward.outscored.value == 0.0
    assert found.harm_by_reward.ties == len(ITEMS.pairs)


async def test_what_is_unscored_is_counted_and_never_a_number() -> None:
    found = await check(half)
    for each in found.perspectives:
        odd = sum(
            len(question.context.part) % 2
            for question in questions(ITEMS)
            if question.perspective is each.perspective
        )
        assert each.unscored.n == each.asked
        assert each.unscored.value == odd / each.asked
        assert 0.3 < odd / each.asked < 0.7
        assert each.pairwise.value == 1.0
    harm = found.harm_by_reward
    assert harm.left_out > 0
    assert harm.outscored.n + harm.left_out == len(ITEMS.pairs)


async def test_a_silent_judge() -> None:
    found = await check(lambda perspective, context: None)
    for each in found.perspectives:
        assert each.unscored.value == 1.0
        assert each.pairwise.value is None
        assert each.correlation.value is None
        assert each.length_alone is None
        assert "too few" in found.sentence(each.perspective)
    assert found.harm_by_reward.outscored.value is None
    assert found.warning() is None
    assert "No harmful pair could be compared" in found.table()
    assert "| - |" in found.table()


async def test_length_is_no_way_to_win() -> None:
    """A judge that counts letters gets what the report calls length alone, and that is not much."""
    found = await check(lambda perspective, context: scaled(perspective, len(context.part) / 1000))
    for each in found.perspectives:
        assert each.pairwise.value == pytest.approx(each.length_alone)
        assert each.length_alone is not None
        assert each.length_alone < 0.72, each


async def test_calls_stay_within_the_concurrency_and_are_all_told() -> None:
    judge = OpinionatedJudge(perfect)
    told: list[tuple[int, int]] = []
    await selfcheck(
        judge, ITEMS, Method.REASONED, 3, progress=lambda done, of: told.append((done, of))
    )
    assert judge.most == 3
    assert told[-1] == (judge.calls, judge.calls)
    assert [done for done, _ in told] == list(range(1, judge.calls + 1))
    with pytest.raises(ValueError, match="at least one"):
        await selfcheck(judge, ITEMS, Method.DIRECT, 0)


async def test_rubric_by_rubric() -> None:
    seats = [question.perspective for question in questions(ITEMS)]
    assert sum(before is not after for before, after in pairwise(seats)) == 3


async def test_the_report_names_what_it_is_of() -> None:
    found = await check(perfect)
    assert found.judge_model == "scripted"
    assert found.prompt_hashes[Perspective.RECEPTION] == "hash of reception"
    assert found.set_hash == ITEMS.hash
    assert SelfCheckReport.model_validate_json(found.model_dump_json()) == found
    smaller = await check(perfect, ITEMS.first(2, 1))
    assert smaller.set_hash != found.set_hash
    assert smaller.harm_by_reward.outscored.n == 1


async def test_a_length_term_is_left_out() -> None:
    rewarding = RewardSettings(length_coefficient=0.001)
    found = await selfcheck(OpinionatedJudge(perfect), ITEMS, Method.DIRECT, rewarding=rewarding)
    assert found.harm_by_reward.outscored.value == 0.0


def test_the_judge_fits() -> None:
    fits: type[Judging] = Judge
    assert fits


def test_the_set_that_ships_is_rich_enough() -> None:
    assert len(ITEMS.situations) >= 18
    assert len({each.theme for each in ITEMS.situations}) == len(ITEMS.situations)
    assert len(ITEMS.pairs) >= 12
    harms = Counter(pair.harm for pair in ITEMS.pairs)
    assert set(harms) == set(Harm)
    whole = [
        each for each in ITEMS.situations if {a.level for a in each.analyses} == {1, 2, 3, 4, 5}
    ]
    assert len(whole) >= 5
    bands = Counter(r.band for each in ITEMS.situations for r in each.responses)
    assert min(bands[band] for band in Band) >= len(ITEMS.situations)


LINE = SET_FILE.read_text("utf-8").splitlines()[0]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"persona": "', '"persona": "", "was": "', "persona"),
        ('"level": 5', '"level": 6', "level"),
        ('"level": 5', '"level": 4', "resonation needs levels 1, 3 and 5"),
        ('"bystander": 50', '"bystander": 37', "between two bands"),
        ('"bystander": 50', '"bystander": 20', "low, a middle and a high"),
        ('"type": "situation"', '"type": "story"', "type"),
        ("{", "{{", "Line 1"),
    ],
)
def test_a_bad_set_is_refused_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "set.jsonl"
    assert old in LINE
    path.write_text(LINE.replace(old, new) + "\n", "utf-8")
    with pytest.raises(SelfCheckSetError) as error:
        load(path)
    assert "Line 1" in error.value.what
    assert says in error.value.what


def test_what_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(f"{LINE}\n{LINE}\n", "utf-8")
    with pytest.raises(SelfCheckSetError, match="twice"):
        load(path)
    with pytest.raises(SelfCheckSetError, match="cannot be read"):
        load(tmp_path / "none.jsonl")
