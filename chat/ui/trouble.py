"""An error for people, in its place on a page."""

from __future__ import annotations

from typing import Final

from chat.ui.markup import esc
from perm.types import Part, PermError

PARTS: Final = {
    Part.ENGINE: "The model",
    Part.JUDGE: "The judge",
    Part.STORE: "The database",
    Part.SETTINGS: "The settings",
    Part.INPUT: "What was asked",
}


def trouble(error: PermError) -> str:
    return (
        f'<div class="trouble" role="alert"><p><b>{PARTS[error.part]}.</b> {esc(error.what)}</p>'
        f'<p class="todo">{esc(error.todo)}</p></div>'
    )
