"""What an address of History asks for, and the address that asks for it.

Everything lies in the address, so that a reload, a bookmark and the way back need no more. What
cannot be read is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from chat.store.found import Filters, Place, Thumb
from perm.types import Perspective, Value

PATH: Final = "/history"
LONGEST: Final = 300

_FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9900, 1, 1, tzinfo=UTC)
"""Beyond these a day more, or another zone, is no date that Python knows."""


class Asked(Value):
    """`reply`, `turn`, `conversation`: what is opened; `other`: what stands beside it; `held`: what
    is waiting for another to be compared with.
    """

    filters: Filters = Filters()
    after: Place | None = None
    reply: UUID | None = None
    turn: UUID | None = None
    conversation: UUID | None = None
    other: UUID | None = None
    held: UUID | None = None


def asked(params: Mapping[str, str]) -> Asked:
    thumb, perspective = params.get("thumb", ""), params.get("perspective", "")
    last = _day(params.get("until", ""))
    filters = Filters(
        text=params.get("text", "")[:LONGEST],
        since=_day(params.get("since", "")),
        until=last + timedelta(days=1) if last else None,
        model=params.get("model", "")[:LONGEST],
        judge=params.get("judge", "")[:LONGEST],
        perspective=Perspective(perspective) if perspective in {*Perspective} else None,
        low=_number(params.get("low", "")),
        high=_number(params.get("high", "")),
        reward_low=_number(params.get("reward_low", "")),
        reward_high=_number(params.get("reward_high", "")),
        thumb=Thumb(thumb) if thumb in {*Thumb} else None,
        tag=params.get("tag", "")[:LONGEST],
        unscored=params.get("unscored") == "1",
    )
    return Asked(
        filters=filters,
        after=_place(params.get("after", "")),
        reply=_id(params.get("r", "")),
        turn=_id(params.get("t", "")),
        conversation=_id(params.get("c", "")),
        other=_id(params.get("with", "")),
        held=_id(params.get("hold", "")),
    )


def address(filters: Filters = Filters(), **more: object) -> str:  # noqa: B008 - it is immutable
    """The address that asks for this; `more`: r, t, c, with, hold, after."""
    said: dict[str, object] = {}
    for name, value in filters:
        if value is None or value is False or value == "":  # zero is a wish too
            continue
        if name == "until":
            said[name] = f"{value - timedelta(days=1):%Y-%m-%d}"
        elif name == "since":
            said[name] = f"{value:%Y-%m-%d}"
        else:
            said[name] = 1 if value is True else value
    said |= {name.rstrip("_"): value for name, value in more.items() if value}
    return f"{PATH}?{urlencode(said)}" if said else PATH


def mark(place: Place) -> str:
    """A place as a part of an address."""
    return f"{place.created_at.astimezone(UTC).isoformat()}~{place.reply_id}"


def _place(text: str) -> Place | None:
    moment, _, reply_id = text.partition("~")
    found = _id(reply_id)
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        return None
    known = found and when.tzinfo and _FIRST < when < _LAST
    return Place(created_at=when, reply_id=found) if found and known else None


def _day(text: str) -> datetime | None:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return day if _FIRST < day < _LAST else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e6 else None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
