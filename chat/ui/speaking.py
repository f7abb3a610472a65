"""As whom the seeker speaks, in one line above the message box."""

from __future__ import annotations

from chat.ui.markup import esc, shorten


def speaking(persona: str, scenario: str) -> str:
    if not persona.strip() and not scenario.strip():
        return ""
    who = shorten(persona, 140) or "yourself"
    return (
        f'<p class="speaking" title="{esc(shorten(scenario, 300))}">You speak as '
        f"<b>{esc(who)}</b></p>"
    )
