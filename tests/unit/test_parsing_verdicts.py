"""A judge's words as a verdict: the last binds, a quoted one never does, none is guessed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perm.parsing import Reading, read_digit, read_parts, read_reasoned
from perm.types import Perspective, Unscored

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
