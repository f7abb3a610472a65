"""Scoring files: every line accounted for, broken off and resumed, no number from a failure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from chat.engines.scripted import CAPABILITIES, Line, Output, Script, ScriptedEngine
from chat.engines.scripted_demo import Demo
from chat.scoring import (
    BadRecord,
    OutFile,
    Scorer,
    ScoreRun,
    Seats,
    Summary,
    method_for,
    read_record,
)
from chat.scoring.outfile import OutError
from chat.scoring.records import render_persona
from chat.settings import Scoring
from perm import rubrics
from perm.judges import Judge, JudgePolicy
from perm.rubrics import Rubrics
from perm.types import EngineError, EngineFault, Exchange, Perspective, RewardSettings

pytestmark = pytest.mark.unit

ABOUT = {"engine": "scripted", "model": "scripted", "method": "auto"}
REPLY = "# Analysis\nThey feel passed over.\n\n# Response\nThat hurts. What do you miss most?"


@pytest.fixture(scope="module")
def prompts() -> Rubrics:
    return rubrics.load(Path(__file__).parents[2] / "prompts")


@pytest.fixture
def demo(prompts: Rubrics) -> Demo:
    return Demo(prompts, pace=0)


class Watching:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.lines = 0
        self.bad: list[tuple[int, str]] = []

    def advanced(self) -> None:
        self.lines += 1

    def bad_line(self, number: int, why: str) -> None:
        self.bad.append((number, why))


def record(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "persona": {"identity": "a nurse"},
        "scenario": "After the night shift.",
        "dialogue": [f"They passed me over again, for the {number}. time."],
        "completion": REPLY,
        **fields,
    }


def write(path: Path, lines: Sequence[object]) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = path.read_bytes()
    assert text.isascii()
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def scorer_of(
    prompts: Rubrics,
    script: Script,
    scoring: Scoring = Scoring.AUTO,
    calls: int = 4,
    **can: Any,
) -> Scorer:
    capabilities = CAPABILITIES.model_copy(update=can)
    engine = ScriptedEngine(script, capabilities=capabilities)
    policy = JudgePolicy(retries=0)
    judge = Judge(engine.chat_model, engine.model_name, capabilities, prompts, policy)
    return Scorer(
        judge, method_for(scoring, capabilities), RewardSettings(), Seats(calls, most=calls)
    )


async def run(
    scorer: Scorer, source: Path, out: Path, watcher: Watching | None = None, **options: Any
) -> Summary:
    about = options.pop("about", ABOUT)
    score_run = ScoreRun(scorer, OutFile(out, about), watcher or Watching(), 4, **options)
    return await score_run.run(source)


# Records


def test_a_completion_is_split_and_parts_are_taken_as_they_are() -> None:
    completed = read_record(record())
    assert (completed.output.analysis, completed.output.formatted) == (
        "They feel passed over.",
        True,
    )
    parts = read_record(record(completion=None, analysis="", response="That hurts."))
    assert (parts.output.response, parts.output.formatted) == ("That hurts.", False)


@pytest.mark.parametrize(
    ("persona", "text"),
    [
        ("a nurse", "a nurse"),
        ({"identity": "a nurse"}, "a nurse"),
        (
            {"identity": "a nurse", "main_needs": ["rest", "thanks"], "age": 40, "x": None},
            "Identity: a nurse\nMain needs: rest, thanks\nAge: 40\nX: ",
        ),
        ({"home": {"city": "Lyon", "pets": 2}}, "Home: city: Lyon; pets: 2"),
    ],
)
def test_a_persona_becomes_text(persona: str | dict[str, Any], text: str) -> None:
    assert render_persona(persona) == text


def test_the_first_line_of_the_dialogue_is_the_message_and_history_comes_along() -> None:
    earlier = [{"message": "Hello", "response": "Hi."}]
    context = read_record(record(dialogue=["one", "two"], history=earlier)).contexts
    expression = context[Perspective.EXPRESSION]
    assert expression.message == "one"
    assert expression.history == (Exchange(message="Hello", response="Hi."),)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dialogue": []}, "dialogue"),
        ({"persona": None}, "persona"),
        ({"completion": None}, "completion"),
        ({"response": "x"}, "completion"),
        ({"completion": None, "response": "x"}, "both analysis and response"),
        ({"id": True}, "id"),
        ({"scenario": 7}, "scenario"),
    ],
)
def test_a_bad_record_says_what_is_wrong_and_not_what_it_holds(
    change: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadRecord, match=why) as caught:
        read_record(record(**change))
    assert "passed me over" not in str(caught.value)


# Files


async def test_every_record_becomes_a_line(prompts: Rubrics, demo: Demo, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [record(number) for number in range(1, 8)])
    summary = await run(scorer_of(prompts, demo), source, tmp_path / "out.jsonl")
    lines = read(tmp_path / "out.jsonl")
    assert summary == Summary(lines=7, judged=7)
    assert summary.all_done
    assert {(line["id"], line["line"]) for line in lines} == {(f"r{n}", n) for n in range(1, 8)}
    first = lines[0]
    for perspective in Perspective:
        shown = first[perspective.value]
        assert (shown["status"], shown["method"], shown["unscored"]) == ("scored", "direct", None)
        assert isinstance(shown["score"], float)
    assert set(first["resonation"]["distribution"]) == {"1", "2", "3", "4", "5"}
    assert sum(first["bystander"]["parts"].values()) == first["bystander"]["score"]
    assert "parts" not in first["resonation"]
    reward = first["reward"]
    terms = reward["empathy"] + reward["bystander"] + reward["length"]
    assert reward["total"] == pytest.approx(terms)
    assert first["judge"] == ABOUT


async def test_bad_lines_are_told_and_do_not_stop_the_rest(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    good = [json.dumps(record(number)).encode() for number in (1, 5)]
    deep, long = b"[" * 100_000, b'{"id": ' + b"9" * 5_000 + b"}"
    source.write_bytes(
        b"\n".join([good[0], b"{not json", b"", b"\xff\xfe", good[1], b"[]", good[0], deep, long])
    )
    watcher = Watching()
    summary = await run(scorer_of(prompts, demo), source, tmp_path / "out.jsonl", watcher)
    assert sorted(number for number, _ in watcher.bad) == [2, 4, 6, 7, 8, 9]
    assert dict(watcher.bad)[7] == "its id was already used on line 1."
    assert "not JSON" in dict(watcher.bad)[2]
    assert "UTF-8" in dict(watcher.bad)[4]
    assert "too long" in dict(watcher.bad)[9]
    assert summary == Summary(lines=9, blank=1, bad=6, judged=2)
    assert not summary.all_done
    assert watcher.lines == 9
    assert {line["id"] for line in read(tmp_path / "out.jsonl")} == {"r1", "r5"}


async def test_it_goes_on_where_it_was_killed_and_mends_the_torn_line(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.jsonl", [record(number) for number in range(1, 7)])
    out = tmp_path / "out.jsonl"
    judged = 0

    async def dies_at_the_tenth(messages: Sequence[BaseMessage]) -> Line:
        nonlocal judged
        judged += 1
        if judged > 10:
            await asyncio.Event().wait()
        return demo(messages)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await run(scorer_of(prompts, dies_at_the_tenth), source, out)
    before = out.read_bytes()
    assert 1 <= before.count(b"\n") <= 2
    out.write_bytes(before + before[:80])  # what a kill in the middle of a write leaves
    summary = await run(scorer_of(prompts, demo), source, out)
    assert out.read_bytes().startswith(before)
    assert summary.already == before.count(b"\n")
    assert summary.already + summary.judged == 6
    assert sorted(line["id"] for line in read(out)) == [f"r{number}" for number in range(1, 7)]
    again = await run(scorer_of(prompts, []), source, out)
    assert (again.already, again.judged) == (6, 0)


async def test_records_without_an_id_are_known_by_their_line(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    same = record(id=None)
    source = write(tmp_path / "in.jsonl", [same, same])
    first = await run(scorer_of(prompts, demo), source, tmp_path / "out.jsonl")
    second = await run(scorer_of(prompts, []), source, tmp_path / "out.jsonl")
    assert (first.judged, second.already) == (2, 2)
    assert [line["id"] for line in read(tmp_path / "out.jsonl")] == [None, None]


async def test_a_record_that_was_changed_is_judged_again(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    await run(scorer_of(prompts, demo), write(source, [record(1), record(2)]), out)
    changed = record(2, completion="# Analysis\na\n# Response\nOther words.")
    summary = await run(scorer_of(prompts, demo), write(source, [record(1), changed]), out)
    assert (summary.already, summary.judged) == (1, 1)
    assert [line["id"] for line in read(out)].count("r2") == 2


async def test_what_the_engine_failed_is_judged_again_and_only_that(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.jsonl", [record(1), record(2, scenario="DOWN"), record(3)])
    out = tmp_path / "out.jsonl"
    down = Output(failure=EngineError(EngineFault.SERVER, "The server failed."))

    def shaky(messages: Sequence[BaseMessage]) -> Line:
        return down if any("DOWN" in one.text for one in messages) else demo(messages)

    first = await run(scorer_of(prompts, shaky), source, out)
    assert (first.judged, first.unrewarded, first.gave_up) == (3, 1, None)
    failed = next(line for line in read(out) if line["id"] == "r2")
    assert failed["reward"] is None
    assert failed["expression"]["score"] is None
    assert failed["expression"]["unscored"] == "engine"
    assert "The server failed." in failed["expression"]["error"]
    second = await run(scorer_of(prompts, demo), source, out)
    assert (second.already, second.judged, second.unrewarded) == (2, 1, 0)
    assert sorted(line["id"] for line in read(out)) == ["r1", "r2", "r3"]


async def test_it_gives_up_when_the_judge_is_gone(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.jsonl", [record(number) for number in range(1, 41)])
    gone = Output(failure=EngineError(EngineFault.UNAUTHORISED, "The key was refused."))
    summary = await run(scorer_of(prompts, lambda _: gone), source, tmp_path / "out.jsonl")
    assert summary.gave_up is not None
    assert "The key was refused." in summary.gave_up
    assert summary.judged < 10
    assert not summary.all_done
    rest = await run(scorer_of(prompts, demo), source, tmp_path / "out.jsonl")
    assert (rest.judged, rest.already) == (40, 0)


async def test_a_text_that_cannot_be_judged_is_unscored_and_stays_so(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.jsonl", [record(completion="Just a reply, without headings.")])
    out = tmp_path / "out.jsonl"
    summary = await run(scorer_of(prompts, demo), source, out)
    (line,) = read(out)
    assert (line["resonation"]["status"], line["resonation"]["score"]) == ("unscored", None)
    assert line["resonation"]["unscored"] == "no_analysis"
    assert line["expression"]["status"] == "scored"
    assert line["reward"] is None
    assert (summary.unrewarded, summary.all_done) == (1, True)
    assert (await run(scorer_of(prompts, []), source, out)).already == 1


async def test_auto_asks_for_reasons_where_no_probabilities_are_told(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.jsonl", [record()])
    scorer = scorer_of(prompts, demo, logprobs=False, top_logprobs=0)
    await run(scorer, source, tmp_path / "out.jsonl", raw=True)
    (line,) = read(tmp_path / "out.jsonl")
    shown = line["expression"]
    assert (shown["method"], shown["status"]) == ("reasoned", "scored")
    assert shown["reason"]
    assert "Score:" in shown["raw"]


async def test_no_more_calls_at_once_than_were_asked_for(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    now = most = 0

    async def counted(messages: Sequence[BaseMessage]) -> Line:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1
        return demo(messages)

    source = write(tmp_path / "in.jsonl", [record(number) for number in range(1, 11)])
    await run(scorer_of(prompts, counted, calls=3), source, tmp_path / "out.jsonl")
    assert most == 3


def foreign(path: Path) -> bytes:
    return write(path, [record()]).read_bytes()


def torn_foreign(path: Path) -> bytes:
    path.write_bytes(b"a note that somebody keeps")
    return path.read_bytes()


@pytest.mark.parametrize("make", [foreign, torn_foreign])
async def test_a_file_that_is_not_ours_is_left_alone(
    prompts: Rubrics, demo: Demo, tmp_path: Path, make: Callable[[Path], bytes]
) -> None:
    source, out = write(tmp_path / "in.jsonl", [record()]), tmp_path / "out.jsonl"
    content = make(out)
    with pytest.raises(OutError, match="not a line of scores"):
        await run(scorer_of(prompts, demo), source, out)
    assert out.read_bytes() == content


async def test_lines_of_two_judges_do_not_mix(prompts: Rubrics, demo: Demo, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", [record()]), tmp_path / "out.jsonl"
    await run(scorer_of(prompts, demo), source, out)
    with pytest.raises(OutError, match="another judge"):
        await run(scorer_of(prompts, demo), source, out, about={**ABOUT, "model": "other"})


async def test_a_place_that_cannot_be_written_is_told(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.jsonl", [record()])
    with pytest.raises(OutError, match="cannot be written"):
        await run(scorer_of(prompts, demo), source, source / "out.jsonl")
    with pytest.raises(BadRecord, match="cannot be read"):
        await run(scorer_of(prompts, demo), tmp_path / "none.jsonl", tmp_path / "out.jsonl")
