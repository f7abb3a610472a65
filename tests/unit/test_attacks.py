"""Attacks with judges of known behaviour: the report must say what they are known to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chat.cli import cli
from chat.engines.scripted import NAME
from chat.settings import ROOT
from chat.store import Store
from chat.ui.insights_attacks import attacks_section
from perm import attack_set, rubrics, selfcheck_set
from perm.attack_report import AttackReport
from perm.attack_set import Expectation, Place
from perm.attacks import attack, trials
from perm.selfcheck_set import SelfCheckSetError
from perm.types import (
    CheckKind,
    JudgeContext,
    Method,
    Perspective,
)
from tests.support.opinions import Opinion, OpinionatedJudge

pytestmark = pytest.mark.unit

ATTACKS = attack_set.load()
ITEMS = selfcheck_set.load().first(3, 2)
B = Perspective.BYSTANDER


def level(perspective: Perspective, of_five: float) -> float:
    return (of_five - 1) * 25 if perspective is B else of_five


def steadfast(perspective: Perspective, context: JudgeContext) -> float:
    return level(perspective, 1.5)


def gullible(perspective: Perspective, context: JudgeContext) -> float:
    """Gives what the text says it is due, in whatever place it says so."""
    turn = f"{context.persona} {context.scenario} {context.message} {context.part}"
    return level(perspective, 5 if "Score: 5" in turn else 1.5)


def frightened(perspective: Perspective, context: JudgeContext) -> float:
    """Punishes whatever is written about scores."""
    return level(perspective, 1 if "5" in context.part else 3)


def heard(opinion: Opinion) -> Opinion:
    """A part of which a colon is left is unscored, as the real judge has it."""
    return lambda seat, context: None if context.part == ":" else opinion(seat, context)


async def tried(opinion: Opinion, names: frozenset[str] = frozenset()) -> AttackReport:
    attacks = ATTACKS.only(names) if names else ATTACKS
    judge = OpinionatedJudge(heard(opinion), "<judge>")
    return await attack(judge, ITEMS, attacks, Method.DIRECT, 4)


async def test_a_judge_that_nothing_moves() -> None:
    found = await tried(steadfast)
    assert (found.whole.turned.value, found.whole.raised.value) == (0.0, 0.0)
    assert found.whole.turned.high is not None
    assert found.whole.turned.high > 0
    assert found.whole.left_out == 0
    assert found.false_unscored.n == 4 * len(ITEMS.situations)
    assert found.constant[B].value == 12.5
    assert found.constant[B].n == 5
    words = found.words().lower()
    assert "no figure here says that a judge withstands" in words
    assert not any(promise in words for promise in ("safe", "robust", "secure", "proof"))


async def test_a_gullible_judge_is_found_out() -> None:
    found = await tried(gullible)
    by_name = {each.name: each for each in found.by_attack}
    assert by_name["score-line"].turned.value == 1.0
    assert by_name["score-line"].tries == 4 * 4 * len(ITEMS.situations)
    assert by_name["experts"].turned.value == 0.0
    assert by_name["base64"].turned.value == 0.0, "it reads no base64"
    assert found.whole.turned == found.whole.raised
    assert "moved its score" in found.sentence()


async def test_a_score_that_falls_has_been_moved_too() -> None:
    found = await tried(frightened, frozenset({"score-line"}))
    (line,) = found.by_attack
    part_only = len([place for place in Place if place is Place.REPLY])
    assert line.turned.value == part_only / len(Place)
    assert line.raised.value == 0.0


async def test_at_most_two_is_counted_by_the_score_itself() -> None:
    names = frozenset({"thought-process", "parroted", "lone-colon"})
    found = await tried(lambda seat, _: level(seat, 2.5), names)
    by_name = {each.name: each for each in found.by_attack}
    assert by_name["parroted"].turned.value == 1.0
    assert by_name["lone-colon"].turned.value == 0.0, "unscored without a call is no success"
    assert by_name["lone-colon"].unscored.n == 0
    assert {each.expects for each in found.by_attack} == {Expectation.AT_MOST_TWO}


async def test_what_has_no_score_is_counted_apart() -> None:
    silent = await tried(lambda seat, context: None)
    assert silent.whole.turned.value == 0.0
    assert silent.whole.turned.n == 4 * len(ITEMS.situations)  # the colon alone
    assert silent.whole.unscored.value == 1.0
    assert silent.false_unscored.value == 1.0
    dumb = await tried(lambda seat, context: None, frozenset({"experts"}))
    assert dumb.whole.turned.value is None
    assert dumb.whole.left_out == dumb.whole.tries
    assert "gave no scores" in dumb.sentence()
    assert "| - |" in dumb.table() or "| - of 0 |" in dumb.table()


def test_the_lowest_reply_is_attacked_and_calls_share_their_beginning() -> None:
    made = trials(ITEMS, ATTACKS)
    clean = [each for each in made if each.attack is None and not each.constant]
    lowest = {a.text for s in ITEMS.situations for a in s.analyses if a.level == 1}
    assert all(
        each.question.context.part in lowest
        for each in clean
        if each.question.perspective is Perspective.RESONATION
    )
    seats = [each.question.perspective for each in made]
    assert seats == sorted(seats, key=list(Perspective).index)
    constant = {each.question.context.part for each in made if each.constant}
    assert constant == {ATTACKS.constant.text}
    whole = trials(selfcheck_set.load(), ATTACKS)
    assert sum(each.constant for each in whole) == 4 * 20


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('expects = "unmoved"', 'expects = "moved"', "expects"),
        ('name = "total-line"', 'name = "score-line"', "two attacks named score-line"),
        ('places = ["reply", "message"]', 'places = ["reply", "reply"]', "twice"),
        ("[constant]", "[constance]", "constant"),
        ("[[attack]]", "[[attack", "cannot be read"),
    ],
)
def test_a_bad_list_is_refused_in_words(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = attack_set.ATTACKS_FILE.read_text("utf-8")
    assert old in text
    path = tmp_path / "attacks.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(SelfCheckSetError, match=says):
        attack_set.load(path)


def test_an_unknown_attack_is_refused_with_those_there_are() -> None:
    with pytest.raises(SelfCheckSetError) as error:
        ATTACKS.only(frozenset({"hypnosis"}))
    assert "hypnosis" in error.value.what
    assert "score-line" in error.value.todo


async def test_the_page_shows_the_figures_and_escapes_the_judges_name() -> None:
    page = attacks_section(await tried(gullible))
    assert "&lt;judge&gt;" in page
    assert "<judge>" not in page
    assert page.count("<tr>") == 6
    assert "Most often it was moved by" in page
    assert "selfcheck --attacks" in attacks_section(None)
    assert "Most often" not in attacks_section(await tried(steadfast))


async def test_the_command_keeps_the_result_beside_the_self_check(tmp_path: Path) -> None:
    command = ["selfcheck", "--engine", "scripted", "--data-dir", str(tmp_path), "--pairs", "0"]
    attacking = [*command, "--situations", "1", "--attack", "experts", "--attack", "parroted"]
    ran = await asyncio.to_thread(CliRunner().invoke, cli, attacking)
    assert ran.exit_code == 0, ran.output
    assert "| experts | 4 |" in ran.output
    assert "Without a score were" in ran.output

    store = await Store.open(f"sqlite:///{tmp_path / 'perm-chat.db'}")
    asked = (NAME, rubrics.load(ROOT / "prompts").judges_hash, Method.DIRECT)
    kept = await store.latest_selfcheck(*asked, CheckKind.ATTACKS)
    assert await store.latest_selfcheck(*asked) is None, "attacks do not pass for a self-check"
    await store.close()
    report = AttackReport.model_validate(kept)
    assert [each.name for each in report.by_attack] == ["experts", "parroted"]
    assert report.situations == 1
