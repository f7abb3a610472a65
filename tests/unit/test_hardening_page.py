"""docs/hardening.md says what was measured, and each row names a test that is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import figures, hardening
from tests.support.hardening import Claim, Section

pytestmark = pytest.mark.unit

CLAIMS = """
title = "Faults"
[[claims]]
id = "faults.one"
text = "A | B"
test = "tests/x.py::test_one"
[[claims]]
id = "faults.two"
text = "C"
command = "python -m bench --only load"
"""
ONE, TWO = "tests/x.py::test_one", "python -m bench --only load"


def test_the_page_is_what_claims_and_figures_say() -> None:
    found = hardening.PAGE.read_text("utf-8")
    assert found == hardening.page(), "run: python -m tests.support.hardening"


def test_every_test_and_command_is_there() -> None:
    claims = [claim for section in hardening.sections() for claim in section.claims]
    assert claims
    assert [lost for claim in claims if (lost := hardening.missing(claim))] == []
    doubled = [name for name, n in Counter(claim.id for claim in claims).items() if n > 1]
    assert doubled == []


@pytest.mark.parametrize(
    "how",
    [
        {"test": "tests/nowhere.py::test_x"},
        {"test": "tests/unit/test_hardening_page.py::test_nowhere"},
        {"test": "tests/unit/test_hardening_page.py"},
        {"command": "python -m bench_nowhere"},
        {"command": "true"},
    ],
)
def test_what_is_not_there_is_found_out(how: dict[str, str]) -> None:
    assert hardening.missing(Claim(id="a.b", text="", **how))


@pytest.fixture
def section(tmp_path: Path) -> Section:
    path = tmp_path / "faults.toml"
    path.write_text(CLAIMS)
    return Section.of(path)


def test_the_newest_figure_of_the_claims_own_test_is_kept(section: Section, tmp_path: Path) -> None:
    fresh = tmp_path / "figures.jsonl"
    for claim, value, said, by in (
        ("faults.one", 7, "old", ONE),
        ("faults.one", 0, "rows lost of 1,234", f"{ONE}[postgres]"),
        ("faults.one", 9, "from elsewhere", "tests/y.py::test_one"),
        ("other.one", 3, "", ONE),
    ):
        figures.record(claim, value, said, by=by, to=fresh)
    section.take(list(figures.read(fresh)))
    section.take([])
    kept = section.kept()
    assert {name: str(one) for name, one in kept.items()} == {"faults.one": "0 rows lost of 1,234"}
    first, second = hardening.page(tmp_path).splitlines()[-2:]
    day = kept["faults.one"].date
    assert first.startswith(f"| A \\| B | `{ONE}` | 0 rows lost of 1,234 | {day}, ")
    assert second == f"| C | `{TWO}` | *not run* |  |"


def test_how_figures_are_written(tmp_path: Path) -> None:
    fresh = tmp_path / "figures.jsonl"
    values: list[figures.Value] = [12345, 0.123456, "0 of 5"]
    shown = [str(figures.record("a.b", one, "turns", by=ONE, to=fresh)) for one in values]
    assert shown == ["12,345 turns", "0.123 turns", "0 of 5 turns"]
    assert [one.value for one in figures.read(fresh)] == values


def test_a_claim_that_nobody_wrote_down_takes_no_figure(figure: Callable[..., None]) -> None:
    with pytest.raises(KeyError, match="docs/hardening"):
        figure("nobody.wrote-this", 1)
