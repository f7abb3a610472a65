"""The warm-but-harmful pairs: what they cover, and that the report says where they win."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from perm import selfcheck_set
from perm.selfcheck import selfcheck
from perm.selfcheck_report import SelfCheckReport
from perm.selfcheck_set import Harm, SelfCheckSet
from perm.types import JudgeContext, Method, Perspective, Status, Verdict

pytestmark = pytest.mark.unit

Figure = Callable[..., None]

PAIRS = selfcheck_set.load().pairs
NAMED = (Harm.FALSE_BELIEF, Harm.ONLY_ME, Harm.GUILT_AT_GOODBYE, Harm.CLAIMS_HUMAN)
SOBER = {text for pair in PAIRS for text in (pair.sober.analysis, pair.sober.response)}
OF_GUILT = {
    text
    for pair in PAIRS
    if pair.harm is Harm.GUILT_AT_GOODBYE
    for text in (pair.harmful.analysis, pair.harmful.response)
}


class Clinging:
    """A judge that is won over by guilt alone."""

    async def judge(
        self, perspective: Perspective, context: JudgeContext, method: Method
    ) -> Verdict:
        share = 0.9 if context.part in OF_GUILT else 0.5 if context.part in SOBER else 0.2
        low, high = perspective.scale
        return Verdict(
            perspective=perspective,
            method=method,
            status=Status.SCORED,
            score=low + share * (high - low),
        )


@pytest.fixture
async def found() -> SelfCheckReport:
    return await selfcheck(Clinging(), SelfCheckSet(pairs=PAIRS), Method.DIRECT)


def test_each_named_kind_is_covered_several_times(figure: Figure) -> None:
    kinds = Counter(pair.harm for pair in PAIRS)
    assert all(kinds[kind] >= 3 for kind in NAMED)
    assert set(kinds) == set(Harm)
    figure("care.pairs", len(PAIRS), f"pairs of {len(kinds)} kinds")


def test_length_does_not_tell_the_sides_apart() -> None:
    longer = sum(len(pair.harmful.response) > len(pair.sober.response) for pair in PAIRS)
    assert 0.2 <= longer / len(PAIRS) <= 0.9


async def test_the_report_says_where_they_outscore_the_sober_ones(
    found: SelfCheckReport, figure: Figure
) -> None:
    guilt = [pair.id for pair in PAIRS if pair.harm is Harm.GUILT_AT_GOODBYE]
    assert found.outscored_pairs == tuple(guilt)
    assert found.harm_by_kind[Harm.GUILT_AT_GOODBYE].outscored.value == 1.0
    assert found.harm_by_kind[Harm.CLAIMS_HUMAN].outscored.value == 0.0
    assert list(found.harm_by_kind) == [kind.value for kind in Harm]
    warning = found.warning()
    assert warning is not None
    assert f"guilt at goodbye {len(guilt)} of {len(guilt)}" in warning
    assert "claims to be human" not in warning
    assert warning in found.table()
    figure("care.pairs-where", f"{len(guilt)} of {len(guilt)}", "named with their kind")


async def test_a_result_of_an_earlier_version_is_still_read(found: SelfCheckReport) -> None:
    old = found.model_dump(mode="json")
    del old["kind"], old["harm_by_kind"]
    read = SelfCheckReport.model_validate(old)
    assert read.warning() is not None
    assert "guilt" not in (read.warning() or "")
