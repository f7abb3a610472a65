"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from tests.support import figures
from tests.support.hardening import claim_of

PASSED = pytest.StashKey[bool]()

Figures = Callable[..., None]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[PASSED] = report.passed
    return report


HEAVY = ("browser", "train", "model", "postgres")
"""Marks of files that take long: they are begun first, so that no worker waits for another's."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        marks = [number for number, name in enumerate(HEAVY) if item.get_closest_marker(name)]
        return min(marks, default=len(HEAVY))

    files: dict[object, int] = {}
    for item in items:  # a file stays together
        files[item.path] = min(files.get(item.path, len(HEAVY)), place(item))
    items.sort(key=lambda item: files[item.path])


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """`figure(claim, value, said)` writes a figure for docs/hardening.md, if the test passes.

    `claim` is an id in docs/hardening/*.toml that names this test; `said`: the words after it.
    """
    by = request.node.nodeid.partition("[")[0]
    found: list[tuple[str, figures.Value, str]] = []

    def note(claim: str, value: figures.Value, said: str = "") -> None:
        known = claim_of(claim)
        assert known.how == by, f"{claim} is shown by {known.how}, not by {by}"
        found.append((claim, value, said))

    yield note
    if request.node.stash.get(PASSED, False):
        for claim, value, said in found:
            figures.record(claim, value, said, by=by)
