"""The supporter's output: nothing private leaks, any cutting gives the same, time is linear."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perm.parsing import OutputSplitter, Piece, SupporterOutput, split_output

pytestmark = pytest.mark.unit


def fed(*pieces: str) -> tuple[OutputSplitter, list[Piece]]:
    splitter = OutputSplitter()
    shown = [shown for piece in pieces for shown in splitter.feed(piece)]
    return splitter, shown + splitter.finish()


@pytest.mark.parametrize(
    "text",
    [
        "# Analysis\nfoo\n\n# Response\nbar",
        "#Analysis\nfoo\n#Response\nbar",
        "## Analysis\nfoo\n## Response\nbar",
        "###### ANALYSIS ######\nfoo\n###### RESPONSE ######\nbar",
        "# analysis:\nfoo\n# response:\nbar",
        "# Analysis: foo\n# Response: bar",
        "# Analysis foo\n# Response bar",
        "# Analysis - foo\n# Response – bar",
        "# **Analysis**\nfoo\n# **Response**\nbar",
        "**# Analysis**\nfoo\n**# Response**\nbar",
        "**Analysis**\nfoo\n**Response**\nbar",
        "**Analysis:**\nfoo\n**Response:**\nbar",
        "**Analysis**:\nfoo\n__Response__:\nbar",
        "**Analysis:** foo\n\n**Response:** bar",
        "Analysis:\nfoo\n\nResponse:\nbar",
        "Analysis\nfoo\nResponse\nbar",
        "Analysis: foo\nResponse: bar",
        "  # Analysis  \n foo \n\n\n   # Response\t\n\n bar \n\n",
        "1. **Analysis**\nfoo\n2. **Response**\nbar",
        "🔵 **Analysis**\nfoo\n🟢 **Response**\nbar",
        '<span style="color:blue"># Analysis</span>\nfoo\n<font color=red>Response</font>\nbar',
        "\x1b[34m# Analysis\x1b[0m\nfoo\n\x1b[1;32mResponse:\x1b[0m\nbar",
        "\ufeff# Analysis\r\nfoo\r\n# Response\r\nbar",
        "# Analysis\u2028foo\u2028# Response\u2028bar",
        "# Analysis\x85foo\x0b# Response\x0cbar",
        "\x00# Ana\x00lysis\nfoo\n# Response\nb\x00ar",
        "Of course! Here it is:\n\n# Analysis\nfoo\n# Response\nbar",
        "<think>hm</think>\n# Analysis\nfoo\n# Response\nbar",
        "<think># Analysis\nx\n# Response\ny</think># Analysis\nfoo\n# Response\nbar",
        "<THINKING>\n# Response\ny\n</THINKING>\n# Analysis\nfoo\n# Response\nbar",
        "a draft without a beginning</think># Analysis\nfoo\n# Response\nbar",
        "# Analysis\nfoo<think>x</think>\n# Response\nb<think># Analysis\nx</think>ar",
        "# Analysis\nfoo\n# Response\nbar\n<think>never closed",
        "# Analysis\n# Analysis\nfoo\n# Response\n# Response\nbar",
        "# Analysis\nfoo\n# Response\nbar\n# Analysis\nx\n# Response\ny",
        "# Analysis\nfoo\n# Response\nbar\n\n# Response\nbar",
        "# Analysis\nfoo\n\n**Response:** bar",
    ],
)
def test_both_parts_are_found(text: str) -> None:
    assert split_output(text) == SupporterOutput(analysis="foo", response="bar", formatted=True)


@pytest.mark.parametrize(
    "analysis",
    [
        "The # Response to this is fear.",
        "Her response: silence. An # Analysis would say more.",
        "> # Response\n> quoted",
        '"# Response" is what she wants',
        "`# Response`",
        "| # Response",
        "Responses vary.\nResponse time matters.\nAnalysis paralysis.",
        "# Responsed\n#Responses",
        "Emotion: shame\nNeed: rest\nResponse: offer warmth",
        "**Emotion:** shame\n**Response:** offer warmth",
        "**Response** is what she longs for",
        "Analysis: it is shame",
        "- Response: offer warmth",
        "Respons\n# Respons\n#",
    ],
)
def test_a_heading_word_in_prose_is_prose(analysis: str) -> None:
    text = f"# Analysis\n{analysis}\n# Response\nbar"
    assert split_output(text) == SupporterOutput(analysis=analysis, response="bar", formatted=True)


@pytest.mark.parametrize(
    "text",
    [
        "I am so sorry.",
        "I am so sorry.\n\n- one\n- two",
        "My response: I am here.\nAn analysis of it can wait.",
        "You did well.\nResponse: breathe out.\nAnd rest.",
        "Analysis paralysis, they call it.",
        '"# Analysis"',
        "I ❤ you <3",
    ],
)
def test_a_model_that_ignores_the_format_still_answers(text: str) -> None:
    assert split_output(text) == SupporterOutput(analysis="", response=text, formatted=False)


@pytest.mark.parametrize(
    ("text", "analysis", "response"),
    [
        ("# Response\nbar", "", "bar"),
        # What stands before it is most likely an Analysis that lost its heading.
        ("She hides her shame.\n\n# Response\nbar", "", "bar"),
        ("# Analysis\nfoo", "foo", ""),
        ("# Analysis\nfoo\n# Respon", "foo\n# Respon", ""),
        ("I am here.\n\n# Analysis\nfoo", "foo", "I am here."),
        ("# Response\nbar\n# Analysis\nfoo", "foo", "bar"),
        ("# Response\nbar\nAnalysis: foo\n# Response\nx", "foo", "bar"),
        ("<think># Analysis\nfoo\n# Response\nbar", "", ""),
        ("<think>foo</think>bar", "", "bar"),
        ("", "", ""),
        (" \n\t\u2028 ", "", ""),
        ("# Analysis", "", ""),
        ("# Response", "", ""),
        ("\ud800", "", "\ufffd"),
    ],
)
def test_halves(text: str, analysis: str, response: str) -> None:
    assert split_output(text) == SupporterOutput(
        analysis=analysis, response=response, formatted=False
    )


def test_both_headings_and_nothing_else() -> None:
    found = split_output("# Analysis\n# Response")
    assert found == SupporterOutput(analysis="", response="", formatted=True)


def test_a_doubtful_heading_waits_for_the_end() -> None:
    """`Response:` with text behind it, in an Analysis with a # heading: only the end can tell."""
    start = ("# Analysis\nfoo\n\n", "**Response:** bar\n", "baz\n")
    splitter, shown = fed(*start, "# Response\nend")
    assert splitter.output == SupporterOutput(
        analysis="foo\n\n**Response:** bar\nbaz", response="end", formatted=True
    )
    splitter = OutputSplitter()
    before = [piece for part in start for piece in splitter.feed(part)]
    assert "".join(piece.text for piece in before) == "foo"
    assert splitter.finish() == [Piece(analysis=False, text="bar\nbaz")]
    assert shown[-1] == Piece(analysis=False, text="end")


def test_text_streams_as_soon_as_it_is_certain() -> None:
    splitter = OutputSplitter()
    assert splitter.feed("# Analysis\nShe is ti") == [Piece(analysis=True, text="She is ti")]
    assert splitter.feed("red.\n") == [Piece(analysis=True, text="red.")]
    assert splitter.feed("# Respo") == []
    assert not splitter.analysis_complete
    assert splitter.feed("nse\n") == []
    assert splitter.analysis_complete
    assert splitter.feed("Oh") == [Piece(analysis=False, text="Oh")]
    assert splitter.feed(" no. <thi") == [Piece(analysis=False, text=" no.")]
    assert splitter.feed("s> is") == [Piece(analysis=False, text=" <this> is")]
    assert splitter.finish() == []
    assert splitter.finish() == []
    assert splitter.output.response == "Oh no. <this> is"


def test_the_analysis_is_complete_at_the_latest_when_all_is() -> None:
    for text in ("plain", "# Analysis\nfoo", "# Response\nbar"):
        splitter = OutputSplitter()
        splitter.feed(text)
        assert not splitter.analysis_complete
        splitter.finish()
        assert splitter.analysis_complete


FRAGMENTS = st.sampled_from(
    [
        *(
            "# Analysis",
            "# Response",
            "## response:",
            "**Analysis:**",
            "**Response** ",
            "Response:",
        ),
        *("Analysis", "Response", "Analysis: x", "1. ", "<b>", "</b>", "<think>", "</think>"),
        *("\n", "\n\n", "\r", "\r\n", "\u2028", " ", "\t", "#", "**", "<", "<thi", ">", "\x00"),
        *("\ud800", "\x1b[3", "4m", "word", "She is sad.", "Oh no.", "水", ":", "-", "`", '"'),
    ]
)
OUTPUTS = st.one_of(st.lists(FRAGMENTS, max_size=25).map("".join), st.text())


@settings(deadline=None)
@given(OUTPUTS, st.data())
def test_any_cutting_gives_the_same(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=40)))
    places = [0, *cuts, len(text)]
    splitter, shown = fed(*(text[here:there] for here, there in pairwise(places)))
    whole = split_output(text)
    assert splitter.output == whole
    assert "".join(piece.text for piece in shown if piece.analysis) == whole.analysis
    assert "".join(piece.text for piece in shown if not piece.analysis) == whole.response


@settings(deadline=None)
@given(OUTPUTS)
def test_sign_by_sign_gives_the_same(text: str) -> None:
    splitter, shown = fed(*text)
    whole = split_output(text)
    assert splitter.output == whole
    assert "".join(piece.text for piece in shown if piece.analysis) == whole.analysis
    assert "".join(piece.text for piece in shown if not piece.analysis) == whole.response


@settings(deadline=None)
@given(OUTPUTS, st.sampled_from(["", "Here:\n", "<think>x</think>\n"]), st.integers(1, 6))
def test_what_stands_under_analysis_never_gets_into_the_response(
    rest: str, before: str, level: int
) -> None:
    secret = "SECRET-7f3a"
    found = split_output(f"{before}{'#' * level} Analysis\n{secret}\n{rest}")
    assert secret not in found.response


@settings(deadline=None)
@given(OUTPUTS)
def test_the_parts_can_be_stored_and_have_no_outer_space(text: str) -> None:
    found = split_output(text)
    for part in (found.analysis, found.response):
        assert part == part.strip()
        assert "\x00" not in part
        part.encode()


REPEATED: dict[str, Callable[[int], str]] = {
    "spaces": lambda n: "# Analysis" + " " * n,
    "space lines": lambda n: "# Analysis\n" + " \n" * (n // 2),
    "hashes": lambda n: "#" * n,
    "headings": lambda n: "# Analysis\n# Response\n" * (n // 22),
    "doubt": lambda n: "# Analysis\n" + "\nResponse: a\n" * (n // 13),
    "open tags": lambda n: "<think" * (n // 6),
    "drafts": lambda n: "<think>x</think>" * (n // 16),
    "angles": lambda n: "<" * n,
    "digits": lambda n: "1. " * (n // 3),
    "prose": lambda n: "word " * (n // 5),
}


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("step", [0, 1])
def test_time_is_linear(name: str, step: int) -> None:
    """Eight times the text may take up to three times what is proportional, never 64 times."""

    def seconds(size: int) -> float:
        text = REPEATED[name](size)
        best = float("inf")
        for _ in range(2):
            splitter = OutputSplitter()
            begun = time.process_time()
            for piece in text if step else [text]:
                splitter.feed(piece)
            splitter.finish()
            best = min(best, time.process_time() - begun)
        return best

    small, large = (2_500, 20_000) if step else (12_500, 100_000)
    assert seconds(large) < 24 * max(seconds(small), 0.0005)
