"""`python -m tests.fuzz.one TARGET ARGS...`: libFuzzer on one target, led by coverage (atheris)."""

from __future__ import annotations

import sys

import atheris


def main(name: str, arguments: list[str]) -> None:
    with atheris.instrument_imports(include=["perm", "chat"]):
        from tests.fuzz.targets import TARGETS

    atheris.Setup([name, *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
