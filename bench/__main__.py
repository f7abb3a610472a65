"""`python -m bench`: measures, prints the table as it grows, and writes bench/RESULTS.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import checkpoint, early, first_token, growth, judging, page, report, score, start
from bench.harness import MAX_TOKENS, Bench, Line, Measure, settings_for
from chat.settings import EngineName

RESULTS: Final = Path(__file__).resolve().parent / "RESULTS.md"

MEASURES: Final[Mapping[str, Measure]] = {
    "judging": judging.measure,
    "growth": growth.measure,
    "early": early.measure,
    "first-token": first_token.measure,
    "page": page.measure,
    "score": score.measure,
    "start": start.measure,
    "checkpoint": checkpoint.measure,
}

LONGEST: Final = 15 * 60
"""Seconds that one measure may take, unless told otherwise."""


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=sorted(MEASURES), metavar="NAME",
        help=f"one measure (may be given again): {', '.join(MEASURES)}",
    )  # fmt: skip
    parser.add_argument(
        "--engine", default=EngineName.LLAMA_CPP.value,
        choices=[one.value for one in EngineName if one is not EngineName.SCRIPTED],
        help="what serves the model",
    )  # fmt: skip
    parser.add_argument("--base-url", default="", help="a server that runs already")
    parser.add_argument(
        "--model", default="small", help="small (135M), default (1.5B), or the engine's own name"
    )
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=MAX_TOKENS,
        help="of a reply, for a model that does not end by itself",
    )
    parser.add_argument("--quick", action="store_true", help="every measure, but few trials")
    parser.add_argument(
        "--longest", type=float, default=LONGEST, help="seconds that one measure may take"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the table goes")
    return parser.parse_args(given)


async def measured(
    bench: Bench, names: Sequence[str], longest: float = LONGEST
) -> tuple[list[Line], list[str]]:
    """The lines of these measures, and what failed; one that fails does not end the others."""
    lines: list[Line] = []
    failures: list[str] = []
    print(*report.HEAD, sep="\n", flush=True)
    for name in names:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(longest):
                found = await MEASURES[name](bench)
        except TimeoutError:
            failures.append(f"{name}: not done within {longest:.0f} s on this machine")
            continue
        except Exception as error:  # noqa: BLE001 - whatever it was, the other measures count
            traceback.print_exc()
            failures.append(f"{name}: {type(error).__name__}: {error}")
            continue
        lines += found
        print(*map(report.row, found), sep="\n", flush=True)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return lines, failures


def main() -> None:
    told = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_for(
            EngineName(told.engine), told.model, told.base_url, Path(folder), told.max_tokens
        )
        bench = Bench(settings, Path(folder), told.quick)
        lines, failures = asyncio.run(measured(bench, told.only or list(MEASURES), told.longest))
    command = " ".join(["python -m bench", *sys.argv[1:]])
    told.out.write_text(report.written(lines, command, failures), "utf-8")
    print(f"written to {told.out}", file=sys.stderr)
    if failures or any(line.holds is False for line in lines):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
