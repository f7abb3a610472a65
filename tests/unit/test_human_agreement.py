"""The judge against people's ratings: known opinions give known figures; files are read kindly."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chat.cli import cli
from chat.scoring.ratings_file import read_ratings
from chat.scoring.records import BadRecord
from perm.human_agreement import RatedReply, agreement, table
from perm.types import JudgeContext, Method, Perspective, Status, Unscored, Verdict

pytestmark = pytest.mark.unit

HEAD = "seeker text,reply,perspective,rating\n"


class Opinion:
    """A judge whose score is a reply's last digit; without one it gives none."""

    async def judge(
        self, perspective: Perspective, context: JudgeContext, method: Method
    ) -> Verdict:
        digit = context.part[-1]
        scored = digit.isdigit()
        return Verdict(
            perspective=perspective,
            method=method,
            status=Status.SCORED if scored else Status.UNSCORED,
            score=float(digit) if scored else None,
            unscored=None if scored else Unscored.NO_VERDICT,
        )


def rated(part: str, *ratings: float, message: str = "Hello") -> RatedReply:
    context = JudgeContext(persona="", scenario="", message=message, part=part)
    return RatedReply(perspective=Perspective.RECEPTION, context=context, ratings=ratings)


async def test_agreement_is_counted_and_the_unscored_left_out() -> None:
    replies = [
        rated("a 1", 0.0, 2.0),  # a mean of 1
        rated("a bit longer 2", 5.0, message="Again"),
        rated("longer than all others 3", 9.0, message="Again"),
        rated("nothing", 9.0),
    ]
    (report,) = await agreement(Opinion(), replies, Method.DIRECT, concurrency=2)
    assert report.perspective is Perspective.RECEPTION
    assert (report.replies, report.ratings) == (4, 5)
    assert report.unscored.value == 0.25
    assert report.correlation.value == pytest.approx(1.0)
    assert report.correlation.n == 3
    assert (report.pairwise, report.pairs) == (1.0, 3)
    assert report.length_alone == pytest.approx(1.0)
    assert "| reception | 4 | 5 | 25% |" in table([report])


async def test_a_judge_that_sees_it_the_other_way_round() -> None:
    replies = [rated("1", 9.0, message="a"), rated("2", 5.0, message="b"), rated("3", 1.0)]
    (report,) = await agreement(Opinion(), replies, Method.DIRECT)
    assert report.correlation.value == pytest.approx(-1.0)
    assert report.pairwise == 0.0


async def test_one_opinion_on_everything_is_no_correlation() -> None:
    (report,) = await agreement(Opinion(), [rated("x 3", 1.0), rated("y 3", 2.0)], Method.DIRECT)
    assert report.correlation.value is None
    assert report.pairwise == 0.5


def test_rows_of_one_reply_are_different_peoples_ratings(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text(
        "Seeker_Text;Reply;Perspective;Rating;persona\r\n"
        'I failed;"Two\nlines; here";Expression;3;Ann\r\n'
        'I failed;"Two\nlines; here";expression;4,5;Ann\r\n'
        "I failed;Other;standby;70;Ann\r\n",
        "utf-8-sig",
    )
    first, second = read_ratings(file)
    assert first.ratings == (3.0, 4.5)
    assert first.context.part == "Two\nlines; here"
    assert first.context.persona == "Ann"
    assert second.perspective is Perspective.BYSTANDER


def test_resonation_is_judged_on_the_analysis_where_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    formatted = '"# Analysis\nShe is hurt.\n\n# Response\nI hear you."'
    file.write_text(
        HEAD + f"Oh,{formatted},resonation,2\nOh,{formatted},reception,3\nOh,Plain.,resonation,1\n"
    )
    parts = [each.context.part for each in read_ratings(file)]
    assert parts == ["She is hurt.", "I hear you.", "Plain."]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeker,reply,rating\na,b,3\n", "no column named perspective"),
        (HEAD, "holds no rating"),
        ("", "no column named"),
        (HEAD + "a,b,warmth,3\n", "Line 2: there is no perspective"),
        (HEAD + "a,b,reception,good\n", "Line 2: its rating is not a number"),
        (HEAD + "a,b,reception,nan\n", "Line 2: its rating is not a number"),
        (HEAD + "a,b,reception\n", "Line 2: its rating is not a number"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text(text)
    with pytest.raises(BadRecord, match=words):
        read_ratings(file)


def test_what_is_no_text_or_not_there_is_said(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRecord, match="not UTF-8"):
        read_ratings(file)
    with pytest.raises(BadRecord, match="cannot be read"):
        read_ratings(tmp_path / "missing.csv")


async def test_the_command_prints_a_line_for_each_perspective(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text(
        HEAD
        + "I failed again.,That sounds hard. What hurts most?,reception,5\n"
        + "I failed again.,Get over it.,reception,1\n"
        + "I failed again.,Get over it.,bystander,10\n"
    )
    command = ["agree", str(file), "--engine", "scripted", "--data-dir", str(tmp_path)]
    ran = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert ran.exit_code == 0, ran.output
    assert "| reception | 2 | 2 |" in ran.output
    assert "| bystander | 1 | 1 |" in ran.output
