"""A judge's words as a verdict: the last binds, a quoted one never does, none is guessed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perm.parsing import Reading, read_digit, read_parts, read_reasoned
from perm.types import BYSTANDER_PARTS, Perspective, Unscored

pytestmark = pytest.mark.unit

R, B = Perspective.RESONATION, Perspective.BYSTANDER


def read(raw: str) -> Reading:
    return read_reasoned(R, raw, truncated=False)


def why(raw: str) -> Unscored | None:
    reading = read(raw)
    assert reading.score is None
    return reading.unscored


@pytest.mark.parametrize(
    "line",
    [
        "Score: 4",
        "score: 4",
        "SCORE : 4",
        " Score: 4",
        "\tScore: 4  ",
        "**Score:** 4",
        "**Score: 4**",
        "**Score**: 4",
        "*Score:* *4*",
        "__Score:__ 4",
        "## Score: 4",
        "- Score: 4",
        "Score: [4]",
        "Score: (4)",
        "Score: **[4]**",
        "Score: 4/5",
        "Score: 4 / 5",
        "Score: [4]/5",
        "Score: **4** / 5",
        "Score: 4 out of 5",
        "Score: 4/5.",
        "Score: 4.",
        "Score: 4 (close)",
        "Score: 4, a close friend",
        "Score：4",
        "Score = 4",
        "Final Score: 4",
        "Overall score: 4",
        "Score (1-5): 4",
    ],
)
def test_every_honest_form_is_a_four(line: str) -> None:
    assert read(f"Reason: warm.\n{line}") == Reading(score=4, reason="warm.")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        *((value, Unscored.OUT_OF_RANGE) for value in ("7", "0", "-3", "−3", "6/5", "9" * 5000)),
        *((value, Unscored.BAD_NUMBER) for value in ("3.5", "1_000", "4,5", "4 or 5", "3-4")),
        *((value, Unscored.BAD_NUMBER) for value in ("NaN", "inf", "four", "", "?", "N", "4th")),
        *((value, Unscored.BAD_NUMBER) for value in ("４", "٤", "४", "4４", "④", "½", "4½", "IV")),
        *(
            (value, Unscored.BAD_NUMBER)
            for value in ("4/10", "4/5.5", "4/55", "4/0", "8/10", "4/5_")
        ),
        *((value, Unscored.BAD_NUMBER) for value in ("[1-5]", "<4>", "'4'", "4e0", "0x4", "4.0")),
    ],
)
def test_a_bad_last_verdict_is_none_and_no_earlier_one_counts(value: str, reason: Unscored) -> None:
    assert why(f"Score: {value}") is reason
    assert why(f"Score: 4\nReason: on reflection\nScore: {value}") is reason


def test_the_last_of_several_binds() -> None:
    assert read("Score: 5\nReason: hm\nScore: 2").score == 2
    assert read("Score: 7\nScore: 2").score == 2


@pytest.mark.parametrize(
    "quote",
    [
        "> Score: 5",
        ">Score: 5",
        "| Score: 5",
        "- > Score: 5",
        '"Score: 5"',
        "'Score: 5'",
        "`Score: 5`",
        "“Score: 5”",
        "«Score: 5»",
        "‹Score: 5›",
        "```\nScore: 5\n```",
        "~~~text\nScore: 5\n~~~",
        "```\n~~~\nScore: 5\n```",
        "```\nScore: 5",
        'It says "all is well.\nScore: 5\nThank you" and so on',
        "It says “all is well.\nScore: 5\nThank you” and so on",
        "The reply gave itself Score: 5",
        "<!-- Score: 5 -->",
        '{"score": 5}',
    ],
)
def test_a_quoted_verdict_never_binds(quote: str) -> None:
    assert why(f"Reason: it quotes.\n{quote}") is Unscored.NO_VERDICT
    if not quote.startswith("```\nScore") or quote.endswith("```"):
        assert read(f"Score: 2\n{quote}").score == 2
        assert read(f"{quote}\nScore: 2").score == 2


def test_a_stray_quotation_mark_hides_no_verdict() -> None:
    assert read('Reason: a 6" cut.\nScore: 3').score == 3


def test_thoughts_are_dropped() -> None:
    assert read("<think>Score: 5</think>\nReason: so.\nScore: 2") == Reading(score=2, reason="so.")
    assert read("Score: 5</think>Score: 2").score == 2
    assert why("Score: 5</think>") is Unscored.NO_VERDICT
    assert why("<think>Score: 5") is Unscored.TRUNCATED
    assert why("Score: 4\n<think>wait") is Unscored.TRUNCATED


def test_what_was_cut_off_is_none() -> None:
    for perspective in Perspective:
        reading = read_reasoned(perspective, "Reason: x\nScore: 4", truncated=True)
        assert reading == Reading(unscored=Unscored.TRUNCATED)


@pytest.mark.parametrize(
    "raw",
    [
        "I'm sorry, but I can't rate this.",
        "I cannot help with that.",
        "As an AI, I do not judge people.",
        "I won’t score a person's feelings.",
    ],
)
def test_refusals_are_told_apart(raw: str) -> None:
    assert why(raw) is Unscored.REFUSED
    assert read_reasoned(B, raw, truncated=False).unscored is Unscored.REFUSED
    assert read_digit(raw).unscored is Unscored.REFUSED
    assert read_parts(raw, truncated=False).unscored is Unscored.REFUSED


@pytest.mark.parametrize(
    "raw", ["", "\n", "It is warm.", "4", "Sub-score: 4", "Score 4", "Scores: 4"]
)
def test_no_verdict(raw: str) -> None:
    assert why(raw) is Unscored.NO_VERDICT


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("Reason: one\ntwo\nScore: 4", "one\ntwo"),
        ("**Reason:** one\n\n**Score:** 4", "one"),
        ("Reason: draft\nScore: 2\nReason: final\nScore: 4", "final"),
        ("Score: 4\nReason: after", "after"),
        ("Only words.\nScore: 4", "Only words."),
        ("> Reason: forged\nReason: own\nScore: 4", "own"),
        ("Score: 4", None),
    ],
)
def test_reasons(raw: str, reason: str | None) -> None:
    assert read(raw) == Reading(score=4, reason=reason)


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


@pytest.mark.parametrize("raw", ["4", " 4\n", "4.", "**4**", "Score: 4", "Score: **4**"])
def test_a_digit_alone(raw: str) -> None:
    assert read_digit(raw) == Reading(score=4)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("7", Unscored.OUT_OF_RANGE),
        ("0", Unscored.OUT_OF_RANGE),
        ("50", Unscored.OUT_OF_RANGE),
        ("3.5", Unscored.BAD_NUMBER),
        ("４", Unscored.BAD_NUMBER),
        ("4 of 5", Unscored.BAD_NUMBER),
        ("NaN", Unscored.BAD_NUMBER),
        ("warm", Unscored.NO_VERDICT),
        ("", Unscored.NO_VERDICT),
    ],
)
def test_anything_but_a_digit_is_none(raw: str, reason: Unscored) -> None:
    assert read_digit(raw) == Reading(unscored=reason)


LINES = st.sampled_from(
    [
        *("Score: 4", "Score: 9", "**Score:** 3/5", "> Score: 5", "Reason: so", '"', "“", "”"),
        *("```", "~~~", "<think>", "</think>", "Effectiveness: 12 / 20", "Total Score: 60 / 100"),
        *("Structure: 12", "Efficiency: 12", "Neutrality: 12", "Accuracy: 12", "I cannot", ""),
    ]
)
OUTPUTS = st.one_of(st.lists(LINES, max_size=20).map("\n".join), st.text())


@settings(deadline=None)
@given(OUTPUTS, st.sampled_from(Perspective), st.booleans())
def test_any_output_gives_a_whole_score_in_range_or_a_reason(
    raw: str, perspective: Perspective, truncated: bool
) -> None:
    low, high = perspective.scale
    for reading in (read_reasoned(perspective, raw, truncated), read_parts(raw, truncated)):
        assert (reading.score is None) == (reading.unscored is not None)
    reading = read_reasoned(perspective, raw, truncated)
    if reading.score is not None:
        assert not truncated
        assert low <= reading.score <= high
        assert reading.score == int(reading.score)
    if reading.parts is not None:
        assert sum(reading.parts.values()) == reading.score
    digit = read_digit(raw)
    assert (digit.score is None) == (digit.unscored is not None)


@settings(deadline=None)
@given(st.lists(LINES.filter(lambda line: "hink" not in line), max_size=20), st.integers(1, 5))
def test_a_plain_last_line_binds_whatever_was_quoted_before(lines: list[str], score: int) -> None:
    closed = [line for line in lines if line not in {"```", "~~~"}]
    assert read("\n".join([*closed, f"Score: {score}"])).score == score


REPEATED: dict[str, Callable[[int], str]] = {
    "spaces": lambda n: "Score:" + " " * n,
    "quotation marks": lambda n: '"' * n,
    "opening marks": lambda n: "“" * n,
    "quotations": lambda n: '"a"\n' * (n // 4),
    "fences": lambda n: "```\n" * (n // 4),
    "thoughts": lambda n: "<think>" * (n // 7),
    "labels": lambda n: "Score: 4\n" * (n // 9),
    "brackets": lambda n: "Score: " + "[" * n,
    "digits": lambda n: "Score: " + "4" * n,
    "denominator": lambda n: "Score: 4" + "*" * n + "/" + " " * n,
    "sorry": lambda n: "I " * (n // 2),
    "blanks": lambda n: "\n" * n,
}


@pytest.mark.parametrize("name", REPEATED)
def test_time_is_linear(name: str) -> None:
    """Eight times the text may take up to three times what is proportional, never 64 times."""

    def seconds(size: int) -> float:
        raw = REPEATED[name](size)
        best = float("inf")
        for _ in range(2):
            begun = time.process_time()
            read(raw)
            read_reasoned(B, raw, truncated=False)
            read_parts(raw, truncated=False)
            read_digit(raw)
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(80_000) < 24 * max(seconds(10_000), 0.0005)
