"""The panel: figures, dashes, reasons, bars, lines; and nothing that a model wrote as markup."""

from __future__ import annotations

import re

import pytest

from chat.store.records import Reply, ReplyStatus, Turn
from chat.ui.analysis_panel import analysis_panel
from chat.ui.marks import MARKS, share, short, spread
from chat.ui.reward_card import reward_card, signed
from chat.ui.scene import Scene
from chat.ui.summary import spoken, summary
from chat.ui.trend import segments, trend_panel
from chat.ui.turn_panel import JudgeNote, turn_panel
from perm.types import (
    PUBLISHED_REWARD,
    Method,
    Perspective,
    Reward,
    Unscored,
    Verdict,
)
from tests.support.fake_session import four, reply, reward, scored, turn, unscored

pytestmark = pytest.mark.unit

NOTE = JudgeNote(model="a-judge")
XSS = "<img src=x onerror=alert(1)>"


def shown(*turns: Turn, **changes: object) -> Scene:
    return Scene.model_validate({"turns": turns, **changes})


def panel(*verdicts: Verdict, note: JudgeNote = NOTE, **changes: str) -> str:
    return turn_panel(shown(turn(1, verdicts, **changes)), note)


def chosen(scene: Scene) -> Reply:
    assert scene.reply is not None
    return scene.reply


def test_four_rows_with_meters_and_the_reward() -> None:
    html = panel(*four())
    meters = re.findall(r'role="meter" aria-label="(\w+)"[^>]*aria-valuenow="([\d.]+)"', html)
    assert meters == [
        ("Resonation", "4.20"),
        ("Expression", "3.60"),
        ("Reception", "4.00"),
        ("Bystander", "78.00"),
    ]
    assert "3 / (5/4.2 + 5/3.6 + 5/4) + 0.1 (78/100 - 1)" in html
    assert "spread ± 0.9" in html
    assert html.count("/</span>20</small>") == 5


def test_an_unscored_perspective_is_a_dash_its_reason_and_retry() -> None:
    verdicts = [*four()[:2], unscored(Perspective.RECEPTION, Unscored.LOW_MASS), four()[3]]
    html = panel(*verdicts)
    assert html.count('role="meter"') == 3
    assert "hardly considered a score" in html
    assert 'data-action="rejudge" data-value="reception"' in html
    assert "needs 4 of 4" in html
    assert ">0.0<" not in html


def test_what_cannot_be_judged_again_offers_no_retry() -> None:
    html = panel(unscored(Perspective.RESONATION, Unscored.NO_ANALYSIS))
    assert 'data-action="rejudge"' not in html


@pytest.mark.parametrize("why", list(Unscored))
def test_every_reason_for_being_unscored_has_words(why: Unscored) -> None:
    html = panel(unscored(Perspective.EXPRESSION, why))
    assert re.search(r"<p>Unscored\. [A-Z][^<]{10,}\.</p>", html)


def test_reasons_are_in_view_or_can_be_asked_for() -> None:
    assert "It stays with her." in panel(*four())
    assert 'data-action="reasons"' in panel(*four())
    reasons = [
        scored(
            one.perspective,
            4 if one.score and one.score < 6 else 80,
            method=Method.REASONED,
            reason="Because.",
        )
        for one in four()
    ]
    html = panel(*four(), *reasons)
    assert 'data-action="reasons"' not in html
    assert html.count("Because.") == 4
    assert "with it the judge gave 4.0" in html


def test_while_judging_it_counts_and_shows_no_zero() -> None:
    one = turn(verdicts=four()[:2])
    asked = frozenset({Perspective.RECEPTION, Perspective.BYSTANDER})
    scene = shown(one, judging={chosen(shown(one)).id: asked})
    html = turn_panel(scene, NOTE)
    assert "2 of 4 judged" in html
    assert html.count("Being judged…") == 2
    assert "2 of 4 judged" in summary(scene)
    assert 'data-activity="judging"' in summary(scene)


def test_a_provisional_score_is_hollow_and_says_so() -> None:
    judged = turn(1, four()[:1])
    assert judged.chosen is not None
    reply = judged.chosen.id
    so_far = {reply: {Perspective.EXPRESSION: 3.4}}
    scene = shown(judged, writing=reply, so_far=so_far)
    html = turn_panel(scene, NOTE)
    row = html.split("seat-row expression")[1].split("</article>")[0]
    assert row.startswith(" so-far")
    assert "<small>so far</small> 3.4" in row
    assert "meter" not in row, "what changes with every sentence is not read out"
    assert html.count("so-far") == 1
    assert "needs 4 of 4" in html and "1 of the four" in html, "it counts for no reward"
    assert spoken(scene) == ""
    assert "3.4" not in trend_panel(scene) + summary(scene)


def test_the_note_beside_the_scores() -> None:
    assert "Not yet checked: run <code>perm-chat selfcheck</code>" in panel(*four())
    assert "right in 81 %" in panel(*four(), note=JudgeNote(model="m", selfcheck="right in 81 %"))
    scripted = panel(*four(), note=JudgeNote(model="scripted", scripted=True))
    assert "Not real judgements." in scripted


def test_scores_step_back_in_a_crisis() -> None:
    assert "stepped-back" not in panel(*four())
    assert "stepped-back" in panel(*four(), crisis="suicide")


def test_nothing_that_was_written_becomes_markup() -> None:
    verdicts = [
        scored(Perspective.RESONATION, 4, method=Method.REASONED, reason=XSS),
        unscored(Perspective.EXPRESSION, Unscored.ENGINE, error=XSS),
    ]
    one = turn(verdicts=verdicts, message=XSS)
    hostile = chosen(shown(one)).model_copy(
        update={"analysis": XSS, "model": XSS, "prompt_hash": XSS, "response": XSS}
    )
    scene = shown(one.model_copy(update={"replies": (hostile,)}))
    note = JudgeNote(model=XSS, selfcheck=XSS)
    for html in (turn_panel(scene, note), analysis_panel(scene), trend_panel(scene)):
        assert "<img" not in html
    assert "&lt;img" in analysis_panel(scene)


def test_switches_for_replies_and_versions_of_a_message() -> None:
    one = turn(verdicts=four())
    second = reply(one.id, number=2, chosen=False)
    both = one.model_copy(update={"replies": (*one.replies, second)})
    other = turn().id
    html = turn_panel(shown(both, versions={one.id: (other, one.id)}), NOTE)
    assert "Reply 1 of 2" in html
    assert f'data-action="reply" data-value="{second.id}"' in html
    assert "Message 2 of 2" in html
    assert f'data-action="version" data-value="{other}"' in html


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ReplyStatus.STOPPED, "stopped by you"),
        (ReplyStatus.INCOMPLETE, "broke off"),
        (ReplyStatus.INTERRUPTED, "interrupted"),
        (ReplyStatus.CUT_SHORT, "limit"),
    ],
)
def test_small_print_says_how_a_reply_ended(status: ReplyStatus, words: str) -> None:
    one = turn()
    ended = chosen(shown(one)).model_copy(update={"status": status})
    html = turn_panel(shown(one.model_copy(update={"replies": (ended,)})), NOTE)
    assert words in html
    assert "60 tokens · first word after 0.5 s · complete after 3.5 s · 20 tokens/s" in html


def test_reward_terms_are_named_and_a_length_term_only_where_it_counts() -> None:
    assert "Length" not in reward_card(reward(), "f", 4, (), 80)
    longer = Reward(
        empathy=0.8, bystander=-0.1, length=-0.05, total=0.65, settings=PUBLISHED_REWARD
    )
    html = reward_card(longer, "f", 4, (), 80)
    assert "Length" in html
    assert "−0.05" in html
    assert "number of tokens" in reward_card(None, "", 4, (), None)
    just_scored = reward_card(None, "", 4, (), 80)
    assert "the reward follows" in just_scored
    assert "number of tokens" not in just_scored, "it is known; the last score came a moment ago"
    assert signed(-0.001) == "0.00"


def test_the_summary_is_the_line_of_the_phone() -> None:
    line = re.sub(r"<[^>]+>", "", summary(shown(turn(3, four()))))
    assert line.startswith("Turn 3")
    assert "R 4.2E 3.6C 4.0B 78" in line
    assert "0.76" in line


def test_it_is_spoken_once_when_the_turn_is_complete() -> None:
    one = turn(verdicts=four())
    assert spoken(shown(one)).startswith("Turn 1 is complete. Resonation 4.2 of 5.")
    assert spoken(shown(one, writing=chosen(shown(one)).id)) == ""
    assert "has no score" in spoken(shown(turn(verdicts=four()[:3])))


def test_the_trend_has_a_gap_where_a_score_is_missing() -> None:
    turns = [
        turn(1, four()),
        turn(2, [*four()[:1], unscored(Perspective.EXPRESSION, Unscored.REFUSED), *four()[2:]]),
        turn(3, four()),
        turn(4, four()),
    ]
    assert [len(part) for part in segments(Perspective.RESONATION, turns)] == [4]
    assert [len(part) for part in segments(Perspective.EXPRESSION, turns)] == [1, 2]
    html = trend_panel(shown(*turns))
    assert html.count('<tr><th scope="row">') == 4
    assert "<td>–</td>" in html
    assert html.count('class="line ') == 4


def test_higher_scores_lie_higher_and_each_scale_fills_the_same_height() -> None:
    low = turn(1, [scored(one, one.scale[0]) for one in Perspective])
    high = turn(2, [scored(one, one.scale[1]) for one in Perspective])
    heights = {tuple(y for _, y in segments(one, [low, high])[0]) for one in Perspective}
    ((bottom, top),) = heights
    assert bottom > top


def test_marks_differ_in_colour_shape_line_and_letter() -> None:
    for field in ("colour", "shape", "dash", "letter", "line"):
        assert len({getattr(mark, field) for mark in MARKS.values()}) == 4


def test_figures() -> None:
    assert share(Perspective.EXPRESSION, 1.0) == 0.0
    assert share(Perspective.BYSTANDER, 100.0) == 1.0
    assert short(Perspective.BYSTANDER, four()[3]) == "78"
    assert short(Perspective.EXPRESSION, None) == "–"
    assert spread({"1": 0.5, "5": 0.5}) == pytest.approx(2.0)
    assert spread({"3": 0.9}) == 0.0


def test_an_empty_page_says_what_will_come() -> None:
    assert "Scores appear as you chat" in turn_panel(Scene(), NOTE)
    assert 'data-empty="true"' in summary(Scene())
    assert "appears here" in analysis_panel(Scene())
    assert "first scores" in trend_panel(Scene())
