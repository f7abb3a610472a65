"""Scoring files: every line accounted for, no number from a failure, no more calls than asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from chat.engines.scripted import Line
from chat.engines.scripted_demo import Demo
from chat.scoring import BadRecord, Summary
from chat.scoring.outfile import OutError
from perm.rubrics import Rubrics
from perm.types import Perspective
from tests.support.scores import ABOUT, Watching, demo, prompts, read, record, run, scorer_of, write

__all__ = ["demo", "prompts"]

pytestmark = pytest.mark.unit


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


async def test_a_place_that_cannot_be_written_is_told(
    prompts: Rubrics, demo: Demo, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.jsonl", [record()])
    with pytest.raises(OutError, match="cannot be written"):
        await run(scorer_of(prompts, demo), source, source / "out.jsonl")
    with pytest.raises(BadRecord, match="cannot be read"):
        await run(scorer_of(prompts, demo), tmp_path / "none.jsonl", tmp_path / "out.jsonl")
