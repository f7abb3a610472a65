"""Which model answers: chosen for a new conversation, and shown for an open one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chat.engines.base import ModelChoice

FIRST: Final = ""
"""The field's value for the engine's first model, whatever that turns out to be."""


def choices(
    offered: Sequence[ModelChoice], chosen: str | None = None
) -> tuple[tuple[str, str], ...]:
    """Label and value of each model; `chosen` among them although it is offered no longer."""
    first, *others = offered
    known = [(_label(first), FIRST), *((_label(one), one.name) for one in others)]
    if chosen and chosen not in {one.name for one in offered}:
        known.append((f"{chosen} (not there now: {first.title} answers)", chosen))
    return tuple(known)


def value_of(offered: Sequence[ModelChoice], chosen: str | None) -> str:
    """The field's value for a conversation's model."""
    return FIRST if not chosen or chosen == offered[0].name else chosen


def _label(one: ModelChoice) -> str:
    return f"{one.title} ({one.note})" if one.note else one.title
