"""The bystander's five parts and their total: whole and consistent, or none."""

from __future__ import annotations

import pytest

from perm.parsing import Reading, read_parts, read_reasoned
from perm.types import BYSTANDER_PARTS, Perspective, Unscored

pytestmark = pytest.mark.unit

B = Perspective.BYSTANDER


def bystander(total: str = "70 / 100", **values: str) -> str:
    given_values = {**dict.fromkeys(BYSTANDER_PARTS, "14 / 20"), **values}
    lines = [f"{part.capitalize()}: {value} - so" for part, value in given_values.items() if value]
    return "\n".join(["Assessment: fine", *lines, f"Total Score: {total}"])


def test_a_bystanders_verdict() -> None:
    reading = read_reasoned(B, bystander(effectiveness="12/20", accuracy="16"), truncated=False)
    assert reading.score == 70
    assert reading.parts == {
        "effectiveness": 12,
        "structure": 14,
        "efficiency": 14,
        "neutrality": 14,
        "accuracy": 16,
    }
    assert reading.reason is not None
    assert "fine" in reading.reason
    assert "Total" not in reading.reason


def test_the_reference_names_of_the_parts_are_known() -> None:
    raw = """1. **Content effectiveness:** 10 / 20
2. **Logical structure and clarity:** 11 / 20 - two ideas, 1 point each
3. **Communication efficiency**: 12/20
4. Objectivity and neutrality: [13]/20
5. Information accuracy and verifiability: 14 out of 20
**Total Score: 60 / 100**"""
    assert read_reasoned(B, raw, truncated=False).score == 60


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (bystander(total="71 / 100"), Unscored.BAD_TOTAL),
        (bystander(total="7 / 10"), Unscored.BAD_TOTAL),
        (bystander(total="70 / 0"), Unscored.BAD_TOTAL),
        (bystander(total="70 / 20"), Unscored.BAD_TOTAL),
        (bystander(total="850 / 100"), Unscored.OUT_OF_RANGE),
        (bystander(total="70.0 / 100"), Unscored.BAD_NUMBER),
        (bystander(effectiveness="21 / 20", structure="7 / 20"), Unscored.OUT_OF_RANGE),
        (bystander(effectiveness="-1 / 20"), Unscored.OUT_OF_RANGE),
        (bystander(effectiveness="14 / 10"), Unscored.BAD_NUMBER),
        (bystander(effectiveness="14.5 / 20"), Unscored.BAD_NUMBER),
        (bystander(effectiveness="good"), Unscored.BAD_NUMBER),
        (bystander(effectiveness="", total="56 / 100"), Unscored.NO_VERDICT),
        (bystander() + "\nEfficiency: 13 / 20", Unscored.BAD_TOTAL),
        (bystander() + "\nTotal: 71 / 100", Unscored.BAD_TOTAL),
        (bystander().replace("Total Score", "Sub-total"), Unscored.NO_VERDICT),
        (bystander().replace("Total Score", "Subtotal score"), Unscored.NO_VERDICT),
        ("Total Score: 70 / 100", Unscored.NO_VERDICT),
        ("> " + bystander().replace("\n", "\n> "), Unscored.NO_VERDICT),
        ("", Unscored.NO_VERDICT),
    ],
)
def test_bad_bystander_verdicts(raw: str, reason: Unscored) -> None:
    reading = read_reasoned(B, raw, truncated=False)
    assert (reading.score, reading.parts, reading.unscored) == (None, None, reason)


def test_a_subtotal_is_not_the_total() -> None:
    assert read_reasoned(B, bystander() + "\nSubtotal: 28 / 40", truncated=False).score == 70


@pytest.mark.parametrize(
    "raw",
    [
        "10, 11, 12, 13, 14",
        " 10,11,12,13,14\n",
        "10 11 12 13 14",
        "10; 11; 12; 13; 14.",
        "10 / 11 / 12 / 13 / 14",
    ],
)
def test_five_numbers_alone(raw: str) -> None:
    assert read_parts(raw, truncated=False) == Reading(
        score=60, parts=dict(zip(BYSTANDER_PARTS, (10, 11, 12, 13, 14), strict=True))
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("10, 11, 12, 13", Unscored.BAD_NUMBER),
        ("10, 11, 12, 13, 14, 15", Unscored.BAD_NUMBER),
        ("10, 11, 12, 13, 21", Unscored.OUT_OF_RANGE),
        ("10, 11, 12, 13, -1", Unscored.OUT_OF_RANGE),
        ("10, 11, 12, 13, 14.5", Unscored.BAD_NUMBER),
        ("10, 11, 12, 13, 1_4", Unscored.BAD_NUMBER),
        ("10, 11, 12, 13, １４", Unscored.BAD_NUMBER),
        ("10, 11, 12, 13, nan", Unscored.BAD_NUMBER),
        ("10, 11, 12,\n13, 14", Unscored.BAD_NUMBER),
        ("10, 11, 12, 13, 14 I think", Unscored.BAD_NUMBER),
        ("well, it is quite good", Unscored.NO_VERDICT),
        ("", Unscored.NO_VERDICT),
    ],
)
def test_anything_but_five_numbers_is_none(raw: str, reason: Unscored) -> None:
    reading = read_parts(raw, truncated=False)
    assert (reading.score, reading.parts, reading.unscored) == (None, None, reason)
    assert read_parts("10, 11, 12, 13, 1", truncated=True).unscored is Unscored.TRUNCATED
