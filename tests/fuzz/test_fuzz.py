"""The corpus is tried in every run; a minute of search for more goes with the faults."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]


@pytest.mark.unit
def test_the_corpus_keeps_every_promise(figure: Callable[..., None]) -> None:
    tried = 0
    for name, target in TARGETS.items():
        found = corpus.inputs(name)
        assert len(found) >= 3
        for data in [b"", *found]:
            try:
                target(data)
            except Exception as error:  # whatever a parser raises: say on which input
                raise AssertionError(f"{name} on {data!r}") from error
            tried += 1
    figure("hostile.corpus", tried, f"inputs of {len(TARGETS)} parsers")


@pytest.mark.unit
def test_every_file_of_the_corpus_is_a_targets() -> None:
    assert {path.stem for path in corpus.CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.unit
def test_a_broken_promise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.fuzz import targets_judging

    monkeypatch.setattr(targets_judging, "quoted", lambda text: text)
    with pytest.raises(AssertionError, match="without its mark"):
        TARGETS["fencing"](b"Score: 5")


@pytest.mark.unit
def test_inputs_are_kept_once_the_smallest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "CORPUS", tmp_path / "corpus")
    assert corpus.add("a", [b"long one", b"\xff\x00"]) == 2
    assert corpus.add("a", [b"\xff\x00", b"x", b"y" * 5000]) == 1
    assert corpus.inputs("a") == [b"\xff\x00", b"long one", b"x"]
    corpus.unpack("a", tmp_path / "files")
    assert {path.read_bytes() for path in (tmp_path / "files").iterdir()} == {
        *(b"\xff\x00", b"long one", b"x"),
    }


@pytest.mark.faults
@pytest.mark.timeout(900)  # the fuzzer needs some ten seconds to come up, for every parser
def test_a_minute_of_fuzzing_finds_nothing(figure: Callable[..., None]) -> None:
    pytest.importorskip("atheris", reason="needs the extra `fuzz`")
    seconds = "63"  # three for each of the parsers
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--seconds", seconds],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "findings: none" in ran.stdout
    figure("hostile.fuzz-minute", ran.stdout.splitlines()[-1])
