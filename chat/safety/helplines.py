"""Helplines by country, from a file that whoever runs the app can replace."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from pydantic import Field, ValidationError, model_validator

from chat.safety.crisis import CrisisKind
from chat.settings import ROOT, SettingsError
from perm.types import Value

HELPLINES_FILE: Final = ROOT / "assets" / "care" / "helplines.toml"


class Serves(StrEnum):
    """What a line is for."""

    EMERGENCY = "emergency"
    EMOTIONAL = "emotional"
    ABUSE = "abuse"
    EATING = "eating"
    CHILDREN = "children"
    DIRECTORY = "directory"  # an address that lists lines all over the world


class Helpline(Value):
    """One line. `hours` are empty where they are not known.

    `checked` is the month (YYYY-MM) in which whoever runs the app verified it; None: nobody did.
    """

    name: str = Field(min_length=1)
    number: str = Field(min_length=2)
    hours: str = ""
    languages: tuple[str, ...] = ()
    serves: tuple[Serves, ...] = Field(min_length=1)
    checked: str | None = Field(default=None, pattern=r"^20\d\d-(0[1-9]|1[0-2])$")


class Line(Helpline):
    """A line as the file writes it: a number that can be dialled."""

    number: str = Field(pattern=r"^[0-9*#+][0-9*#+ ()-]{1,24}$")


class Directory(Value):
    """A directory of helplines: an address as text, since the page loads nothing from elsewhere."""

    name: str = Field(min_length=1)
    address: str = Field(min_length=4)


class Country(Value):
    """`code`: ISO 3166-1 alpha-2; `name`: what its people call it."""

    code: str = Field(pattern=r"^[A-Z]{2}$")
    name: str = Field(min_length=1)
    emergency: str = Field(pattern=r"^\d{2,5}$")
    lines: tuple[Line, ...] = Field(min_length=1)


class HelplineFile(Value):
    """The whole file, as written."""

    directory: Directory
    country: tuple[Country, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_country_once(self) -> Self:
        codes = [country.code for country in self.country]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"these countries are there twice: {', '.join(twice)}")
        return self


_WANTED: Final = {
    CrisisKind.SUICIDE: (Serves.EMOTIONAL, Serves.CHILDREN),
    CrisisKind.SELF_HARM: (Serves.EMOTIONAL, Serves.CHILDREN),
    CrisisKind.ABUSE: (Serves.ABUSE, Serves.CHILDREN, Serves.EMOTIONAL),
    CrisisKind.HARM_TO_OTHERS: (Serves.EMOTIONAL, Serves.ABUSE),
    CrisisKind.EATING_DISORDER: (Serves.EATING, Serves.EMOTIONAL, Serves.CHILDREN),
}


def helplines(
    country: str | None = None, file: Path | None = None, kind: CrisisKind | None = None
) -> list[Helpline]:
    """The lines of a country, the emergency number first, the international directory last.

    For an unknown country or None: the directory alone. With a `kind`, only what serves it, the
    nearest first. Raises `SettingsError` if the file cannot be used.
    """
    found = _load(file or HELPLINES_FILE)
    directory = Helpline(
        name=found.directory.name, number=found.directory.address, serves=(Serves.DIRECTORY,)
    )
    place = next((each for each in found.country if each.code == (country or "").upper()), None)
    if place is None:
        return [directory]
    emergency = Helpline(name=place.name, number=place.emergency, serves=(Serves.EMERGENCY,))
    lines = place.lines if kind is None else _for(kind, place.lines)
    return [emergency, *lines, directory]


def countries(file: Path | None = None) -> Mapping[str, str]:
    """The countries to choose from: code to name, by name."""
    found = _load(file or HELPLINES_FILE).country
    return {each.code: each.name for each in sorted(found, key=lambda each: each.name)}


def unchecked(file: Path | None = None) -> tuple[int, int]:
    """How many lines nobody has vouched for, and how many there are. For `doctor`."""
    lines = [line for country in _load(file or HELPLINES_FILE).country for line in country.lines]
    return sum(line.checked is None for line in lines), len(lines)


def _for(kind: CrisisKind, lines: tuple[Line, ...]) -> list[Line]:
    wanted = _WANTED[kind]
    fitting = [line for line in lines if set(line.serves) & set(wanted)]
    return sorted(
        fitting, key=lambda line: min(wanted.index(one) for one in line.serves if one in wanted)
    )


@lru_cache(maxsize=4)
def _load(path: Path) -> HelplineFile:
    todo = "Correct it, or leave `helplines_file` out to use those that ship."
    try:
        return HelplineFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"The helplines file {path} does not fit: {places}.", todo) from None
    except (OSError, ValueError) as error:  # tomllib's and the decoder's errors are ValueErrors
        raise SettingsError(f"The helplines file {path} cannot be read: {error}.", todo) from None
