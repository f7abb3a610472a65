"""The bench's arithmetic, and what it compares with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from bench import texts
from bench.__main__ import MEASURES, arguments, measured
from bench.early import line_of
from bench.first_token import Seen, lines
from bench.fixed_server import stamp, stamps
from bench.growth import new_tokens
from bench.harness import Bench, Line, paired, quantile, ratio, settings_for
from bench.judging import Times
from bench.judging import lines as judging_lines
from bench.page_client import Layout
from bench.published import judge_published
from bench.report import row, written
from bench.score import records
from bench.talk import Heard
from chat.engines.scripted_model import ScriptedChatModel
from chat.scoring import read_record
from chat.settings import ROOT, EngineName, Scoring, Settings
from chat.store.records import Timings
from perm import rubrics
from perm.rubrics import Rubrics
from perm.types import Method, Perspective, Status, Unscored, Usage, Verdict

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def prompts() -> Rubrics:
    return rubrics.load(ROOT / "prompts")


def test_a_quantile_lies_between_the_values_around_it() -> None:
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile([0, 10], 0.95) == pytest.approx(9.5)
    assert quantile([7], 0.95) == 7
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_one_disturbed_trial_does_not_move_a_ratio() -> None:
    assert ratio([1, 1, 50], [4, 4, 4]) == 0.25
    assert paired([1, 2, 50], [4, 8, 4]) == 0.25


def test_turns_of_growing_length_are_compared_one_with_its_like() -> None:
    on, off = [1.0, 2.0, 90.0], [1.0, 2.0, 3.0]
    assert paired(on, off) == 1
    with pytest.raises(ValueError, match="shorter"):
        paired(on, off[:2])


def test_a_limit_is_kept_from_its_own_side() -> None:
    assert Line("", "", 0.15, limit=0.15).holds is True
    assert Line("", "", 0.16, limit=0.15).holds is False
    assert Line("", "", 0.84, limit=0.85, at_least=True).holds is False
    assert Line("", "", 0.99, limit=0.85, at_least=True).holds is True
    assert Line("", "", 3.0).holds is None
    assert Line("", "", None, limit=1.0).holds is None


def test_a_figure_that_cannot_be_shown_says_why() -> None:
    shown = row(Line("a|b", "c", None, limit=1.2, missing="no counts"))
    assert shown == "| a/b | c |  | not shown: no counts | at most 1.2 |  |"


def test_results_say_what_was_not_measured() -> None:
    found = written([Line("a", "b", 1.0, limit=0.5, detail="x")], "make bench", ["page: broke"])
    assert "**no**" in found
    assert "- page: broke" in found
    assert "*a*" in found


def test_a_token_tells_when_it_was_sent_however_it_is_wrapped() -> None:
    sent = "".join(map(stamp, (12_345_678_901, 12_345_678_902))) + "."
    assert stamps(f'["append", "{sent}</p>"]'.encode()) == [12_345_678_901, 12_345_678_902]


def verdict(prompt: int | None, cached: int | None) -> Verdict:
    return Verdict(
        perspective=Perspective.EXPRESSION,
        method=Method.DIRECT,
        status=Status.UNSCORED,
        unscored=Unscored.NO_VERDICT,
        usage=Usage(prompt_tokens=prompt, cached_tokens=cached),
    )


def test_new_tokens_are_those_that_were_not_cached() -> None:
    assert new_tokens([verdict(600, 500), verdict(500, 500), verdict(100, None)]) == 200


def test_every_turn_is_as_long_as_the_last() -> None:
    for text in (texts.message, texts.response, texts.analysis):
        turns = [text(number) for number in range(1, 21)]
        assert len({len(one.split()) for one in turns}) == 1
        assert len(set(turns)) == len(turns)


def test_a_turn_repeats_the_turns_before_it() -> None:
    context = texts.contexts(3)[Perspective.EXPRESSION]
    assert [one.message for one in context.history] == [texts.message(1), texts.message(2)]
    assert texts.alone(context).history == ()


def test_an_unread_rubric_differs_from_its_first_token_on(prompts: Rubrics) -> None:
    fresh = texts.unread(prompts, "k7")
    for one in Perspective:
        assert fresh[one].system.startswith("(k7) ")
        assert fresh[one].system.endswith(prompts[one].system)


async def test_published_asks_one_after_another_and_the_bystander_last(prompts: Rubrics) -> None:
    running = most = 0

    async def answer(_: Sequence[BaseMessage]) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return "Reason: It is warm.\nScore: 4"

    model = ScriptedChatModel(answer)
    scores = await judge_published(model, prompts, texts.contexts(4))
    assert most == 1
    assert scores == {
        Perspective.RESONATION: 4,
        Perspective.EXPRESSION: 4,
        Perspective.RECEPTION: 4,
        Perspective.BYSTANDER: None,
    }
    order = [call.messages[0].text for call in model.calls]
    assert order == [prompts[one].system for one in Perspective]
    for call in model.calls:
        assert call.options == {"temperature": 0.3, "top_p": 0.9, "max_tokens": 1024}
        assert texts.message(1) not in call.messages[1].text  # it knows nothing of earlier turns
        assert texts.message(4).split(". ")[1] in call.messages[1].text


def heard(tokens: int, resonation: float | None) -> Heard:
    return Heard(Timings(first_token=0.5, response_complete=2.0), tokens, resonation, 2.0)


def test_short_replies_do_not_count_and_late_or_missing_resonation_does() -> None:
    turns = [heard(61, 1.0), heard(61, 2.5), heard(61, None), heard(12, 1.0)]
    found = line_of(turns, "scripted", 0.95)
    assert found.figure == pytest.approx(1 / 3)
    assert found.holds is False
    assert line_of([heard(12, 1.0)], "scripted", 0.95).figure is None


def test_speed_leaves_the_first_token_out() -> None:
    assert heard(61, None).speed == pytest.approx(40)


def judged(published: Sequence[float | None]) -> Times:
    """A trial in which both methods were read, and the published protocol was as told."""
    verdicts = [
        Verdict(perspective=one, method=method, status=Status.SCORED, score=5.0)
        for method in (Method.DIRECT, Method.REASONED)
        for one in Perspective
    ]
    return Times([1.0], [4.0], [10.0], verdicts, list(published))


def test_what_is_judged_does_not_depend_on_how_fast_a_machine_was_found(tmp_path: Path) -> None:
    settings = settings_for(EngineName.LLAMA_CPP, "small", "", tmp_path)
    assert settings.method is Scoring.DIRECT


def test_judging_is_set_against_the_published_protocol() -> None:
    direct, reasoned = judging_lines("warm", judged([5.0, None, 5.0, 5.0]), "a server")

    assert (direct.figure, reasoned.figure) == (0.1, 0.4)
    assert (direct.holds, reasoned.holds) == (True, True)
    assert "3 of 4 scored" in reasoned.detail


def test_verdicts_that_cannot_be_read_make_no_figure() -> None:
    for line in judging_lines("warm", judged([None, None, None, 5.0]), "a server"):
        assert line.figure is None
        assert "cannot be read" in line.missing
        assert line.holds is None


def test_judging_on_is_set_against_judging_off() -> None:
    on = Seen(idle=[0.22], during=[0.6], speed=[45])
    off = Seen(idle=[0.2], during=[0.4], speed=[50])
    idle, during, speed = lines(on, off, "x")
    assert idle.figure == pytest.approx(1.1)
    assert during.figure == pytest.approx(1.5)
    assert speed.figure == pytest.approx(0.9)


def test_the_page_is_read_from_its_own_description() -> None:
    layout = Layout.of(
        {
            "components": [{"id": 1, "props": {}}, {"id": 2, "props": {"elem_id": "ticket"}}],
            "dependencies": [{"api_name": "send", "id": 4, "inputs": [1], "outputs": [1, 2]}],
        }
    )
    assert layout.inputs("send") == [""]
    assert layout.place("send", "ticket") == 1


def test_records_of_the_bench_can_be_scored_and_differ() -> None:
    found = [read_record(one) for one in records("x", 3)]
    assert len({one.persona for one in found if isinstance(one.persona, str)}) == 3


def test_one_measure_can_be_asked_for() -> None:
    assert arguments(["--only", "page", "--quick"]).only == ["page"]
    assert set(MEASURES) >= {"judging", "growth", "early", "first-token", "page", "score", "start"}
    with pytest.raises(SystemExit):
        arguments(["--only", "nothing"])


async def test_a_measure_that_fails_or_takes_too_long_does_not_end_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Bench) -> list[Line]:
        raise RuntimeError("no server")

    async def endless(_: Bench) -> list[Line]:
        await asyncio.Event().wait()
        return []

    async def good(_: Bench) -> list[Line]:
        return [Line("a", "b", 1.0)]

    measures = {"broken": broken, "endless": endless, "good": good}
    monkeypatch.setattr("bench.__main__.MEASURES", measures)
    found, failures = await measured(Bench(Settings(), tmp_path), list(measures), longest=0.05)
    assert [line.what for line in found] == ["a"]
    assert [failure.split(":")[0] for failure in failures] == ["broken", "endless"]
