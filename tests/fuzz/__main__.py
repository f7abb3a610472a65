"""`python -m tests.fuzz`: every parser in turn, an hour in all by default.

--seconds N     for all of them together
--keep          add what reached new parts of a parser to the corpus
--record        keep the figure for docs/hardening.md
NAME ...        these targets alone

What breaks a promise is written to test-artifacts/fuzz/ and named; put it into the corpus
(`tests.fuzz.corpus.add`) with a test beside the parser, and mend the parser.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS
from tests.support import figures

FINDINGS: Final = Path("test-artifacts") / "fuzz"
LONGEST: Final = 6_000  # bytes of an input: long enough for a number that int() refuses
SLOWEST: Final = 20  # seconds that one input may take, on a busy machine
_RUNS: Final = re.compile(r"Done (\d+) runs in (\d+) second")


class Ran(NamedTuple):
    """`runs` is None where the fuzzer did not come to its end: it found something."""

    target: str
    runs: int | None
    new: int


def main() -> int:
    asked = _arguments()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not here: pip install -e '.[fuzz]' (Linux, CPython 3.11 to 3.13).")
        return 2
    names = asked.names or list(TARGETS)
    each = max(1, asked.seconds // len(names))
    ran = [fuzz(name, each, keep=asked.keep) for name in names]
    for one in ran:
        told = "FOUND SOMETHING" if one.runs is None else f"{one.runs:,} runs in {each} s"
        print(f"{one.target:18} {told}, {one.new} inputs kept")
    bad = [one.target for one in ran if one.runs is None]
    total = sum(one.runs or 0 for one in ran)
    told = f"runs of {len(ran)} parsers in {each * len(ran):,} s; findings: {bad or 'none'}"
    print(f"{total:,} {told}")
    if asked.record and not bad:
        figures.record("hostile.fuzz", total, told, by="python -m tests.fuzz")
    return 1 if bad else 0


def fuzz(target: str, seconds: int, *, keep: bool) -> Ran:
    FINDINGS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="perm-chat-fuzz-") as scratch:
        folder = Path(scratch) / "corpus"
        corpus.unpack(target, folder)
        done = _fuzzer(
            target,
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST}",
            f"-timeout={SLOWEST}",
            f"-artifact_prefix={FINDINGS / target}-",
            "-print_final_stats=0",
            str(folder),
        )
        found = _RUNS.search(done.stderr)
        if done.returncode != 0 or found is None:
            print(done.stdout + done.stderr[-6000:], file=sys.stderr)
            return Ran(target, None, 0)
        return Ran(target, int(found[1]), _kept(target, folder) if keep else 0)


def _kept(target: str, folder: Path) -> int:
    """Add the fewest inputs that reach all that the run reached."""
    with tempfile.TemporaryDirectory(prefix="perm-chat-fuzz-") as merged:
        done = _fuzzer(target, "-merge=1", merged, str(folder))
        if done.returncode != 0:
            return 0
        return corpus.add(target, (path.read_bytes() for path in Path(merged).iterdir()))


def _fuzzer(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one", *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *TARGETS], metavar="NAME")
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--record", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
