"""Scoring that goes on in its own file: what is judged again, and what is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from chat.engines.scripted import Line, Output
from chat.engines.scripted_demo import Demo
from chat.scoring.outfile import OutError
from perm.rubrics import Rubrics
from perm.types import EngineError, EngineFault
from tests.support.scores import ABOUT, demo, prompts, read, record, run, scorer_of, write

__all__ = ["demo", "prompts"]

pytestmark = pytest.mark.unit


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
