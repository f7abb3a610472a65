"""The card that stays while the open path holds a turn in crisis. Its words are chat/safety's.

It never claims that somebody was told. Numbers that whoever runs the app did not verify are shown
with that said beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from chat import safety
from chat.safety import Card, CrisisKind, Helpline, Serves
from chat.ui.markup import esc
from chat.ui.scene import Scene, in_crisis
from perm.types import Value


class Whereabouts(Value):
    """Which helplines fit. `country`: ISO 3166-1 alpha-2, "" where it is not known."""

    country: str = ""
    file: Path | None = None


def country_of(accept_language: str) -> str:
    """The country of a browser's first language that names one: `en-GB,en;q=0.9` is GB."""
    for entry in accept_language.split(","):
        _, _, region = entry.split(";")[0].strip().replace("_", "-").partition("-")
        if len(region) == 2 and region.isascii() and region.isalpha():
            return region.upper()
    return ""


def crisis_card(scene: Scene, where: Whereabouts) -> str:
    turn = next((turn for turn in reversed(scene.turns) if in_crisis(turn)), None)
    if turn is None:
        return ""
    reply = turn.chosen
    if turn.crisis is not None:
        place = scene.conversation
        around = (place.scenario, place.persona) if place else ("", "")
        return card_for([spoken(turn.number, turn.message, *around)], turn.crisis, where)
    return card_for([reply.response], reply.crisis, where) if reply else ""


def spoken(number: int, message: str, scenario: str, persona: str) -> str:
    """What was checked with the message of the turn of that number (from 1)."""
    return message if number > 1 else safety.opening(message, scenario, persona)


def card_for(
    texts: Sequence[str], told: str | None, where: Whereabouts, *, chooser: bool = True
) -> str:
    """The card for what was checked, in the language of the first text that raises it.

    `told`: the kind of crisis that was saved with them; `chooser`: whether another country can be
    chosen, which needs the chat page.
    """
    # The check's own words for it; the record keeps the kind alone.
    seen = next(filter(None, map(safety.check, texts)), None)
    kind = seen.kind if seen else _kind(told)
    card = safety.care_texts().card(seen.language if seen else "en")
    first = card.body(kind, seen.subject) if seen else card.body(kind)
    lines = safety.helplines(where.country, where.file, kind)
    number = next((line.number for line in lines if Serves.EMERGENCY in line.serves), None)
    shown = "".join(_line(line, card) for line in lines if Serves.EMERGENCY not in line.serves)
    unchecked = any(line.checked is None and _dialled(line) for line in lines)
    warning = f'<p class="aside">{esc(card.unchecked)}</p>' if unchecked else ""
    choice = _chooser(card, where) if chooser else ""
    return (
        f'<section class="crisis" aria-label="{esc(card.title)}"><h3>{esc(card.title)}</h3>'
        f"<p>{esc(first)}</p><p><b>{esc(card.emergency(number))}</b></p>"
        f'<div class="lines"><h4>{esc(card.lines)}</h4>{choice}</div>'
        f'<ul>{shown}</ul>{warning}<p class="aside">{esc(card.nobody_told)}</p></section>'
    )


def _kind(told: str | None) -> CrisisKind:
    return CrisisKind(told) if told in set(CrisisKind) else CrisisKind.SUICIDE


def _dialled(line: Helpline) -> bool:
    return not {Serves.EMERGENCY, Serves.DIRECTORY} & set(line.serves)


def _line(line: Helpline, card: Card) -> str:
    if not _dialled(line):
        return f"<li><span>{esc(card.directory.replace('{address}', line.number))}</span></li>"
    dial = "".join(char for char in line.number if char in "0123456789*#+")
    hours = f" <small>{esc(line.hours)}</small>" if line.hours else ""
    return (
        f'<li><span>{esc(line.name)}{hours}</span><a href="tel:{esc(dial)}">{esc(line.number)}</a>'
        "</li>"
    )


def _chooser(card: Card, where: Whereabouts) -> str:
    known: Mapping[str, str] = safety.countries(where.file)
    options = "".join(
        f'<option value="{esc(code)}"{" selected" if code == where.country else ""}>{esc(name)}'
        "</option>"
        for code, name in known.items()
    )
    none = "" if where.country in known else '<option value="" selected>–</option>'
    return (
        f'<label>{esc(card.country)} <select data-choose="country">{none}{options}</select></label>'
    )
