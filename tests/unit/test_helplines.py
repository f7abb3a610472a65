"""Helplines: what ships is well formed, and a replaced file is checked in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.safety import CrisisKind, Serves, countries, helplines, unchecked
from chat.settings import SettingsError

pytestmark = pytest.mark.unit

OWN = """
[directory]
name = "Own"
address = "own.example"

[[country]]
code = "DE"
name = "Deutschland"
emergency = "112"
lines = [
    { name = "A", number = "1234", languages = ["de"], serves = ["abuse"], checked = "2026-10" },
    { name = "B", number = "5678", languages = ["de"], serves = ["emotional"] },
]
"""


def own(folder: Path, text: str = OWN) -> Path:
    path = folder / "lines.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("US", "988"), ("CA", "988"), ("GB", "116 123"), ("IE", "116 123"),
        ("DE", "0800 1110111"), ("FR", "3114"), ("ES", "024"), ("AU", "13 11 14"),
        ("NZ", "1737"), ("NL", "113"), ("BE", "1813"), ("CH", "143"), ("AT", "142"),
        ("BR", "188"), ("IN", "14416"),
    ],
)  # fmt: skip
def test_well_known_lines_are_there(country: str, number: str) -> None:
    lines = helplines(country)
    assert number in {line.number for line in lines}
    assert lines[0].serves == (Serves.EMERGENCY,)
    assert lines[-1].serves == (Serves.DIRECTORY,)
    assert lines[-1].number == "findahelpline.com"


def test_enough_countries_each_by_name() -> None:
    found = countries()
    assert len(found) >= 20
    assert found["DE"] == "Deutschland"
    assert all(len(helplines(code)) >= 3 for code in found)


@pytest.mark.parametrize("country", [None, "", "XX", "Atlantis"])
def test_an_unknown_country_gets_the_directory(country: str | None) -> None:
    assert [line.serves for line in helplines(country)] == [(Serves.DIRECTORY,)]


@pytest.mark.parametrize("kind", list(CrisisKind))
@pytest.mark.parametrize("code", sorted(countries()))
def test_a_kind_always_leads_somewhere(code: str, kind: CrisisKind) -> None:
    lines = helplines(code, kind=kind)
    assert lines[0].serves == (Serves.EMERGENCY,)
    assert lines[-1].serves == (Serves.DIRECTORY,)
    assert set(lines) <= set(helplines(code))


def test_the_nearest_line_comes_first() -> None:
    assert Serves.ABUSE in helplines("de", kind=CrisisKind.ABUSE)[1].serves
    assert Serves.EATING in helplines("GB", kind=CrisisKind.EATING_DISORDER)[1].serves


def test_what_ships_claims_no_check_that_nobody_made() -> None:
    lines, all_lines = unchecked()
    assert lines == all_lines > 100


def test_the_file_can_be_replaced(tmp_path: Path) -> None:
    path = own(tmp_path)
    assert [line.number for line in helplines("DE", path)] == ["112", "1234", "5678", "own.example"]
    assert list(countries(path)) == ["DE"]
    assert unchecked(path) == (1, 2)
    assert [line.number for line in helplines("US", path)] == ["own.example"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('code = "DE"', 'code = "Germany"', "country.0.code"),
        ('number = "1234"', 'number = "<b>1</b>"', "number"),
        ('serves = ["abuse"]', 'serves = ["gossip"]', "serves"),
        ('serves = ["abuse"]', "serves = []", "serves"),
        ('checked = "2026-10"', 'checked = "soon"', "checked"),
        ('emergency = "112"\n', "", "emergency"),
        ("[directory]", "[directory", "cannot be read"),
        ('name = "A"', 'name = "A", link = "x"', "link"),
    ],
)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in OWN
    with pytest.raises(SettingsError) as error:
        helplines("DE", own(tmp_path, OWN.replace(old, new)))
    assert says in error.value.what
    assert "lines.toml" in error.value.what
    assert error.value.todo


def test_a_country_written_twice_is_refused(tmp_path: Path) -> None:
    again = OWN + OWN[OWN.index("[[country]]") :]
    with pytest.raises(SettingsError, match="twice"):
        helplines("DE", own(tmp_path, again))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        helplines("DE", tmp_path / "none.toml")
