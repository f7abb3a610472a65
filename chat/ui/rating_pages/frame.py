"""What every rating page has around it."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Final
from urllib.parse import quote

from pydantic import TypeAdapter

from chat.settings import ROOT
from chat.ui.header import LOGO
from chat.ui.markup import esc
from perm.types import PermError, Value

ASSETS: Final = ROOT / "assets"
SHEETS: Final = ("10-ground.css", "50-crisis.css")
"""Of the app's own style: its colours, and the card that stays."""

DARK: Final = (
    "const dark = matchMedia('(prefers-color-scheme: dark)');"
    "const paint = () => document.documentElement.classList.toggle('dark', dark.matches);"
    "dark.addEventListener('change', paint); paint();"
)


class RaterWords(Value):
    """What a rater reads before anything else; a file of `assets/care`."""

    title: str
    lede: str
    points: tuple[str, ...]
    consent: str
    begin: str


def rater_words() -> RaterWords:
    """For those who compare two replies."""
    return _words("arena.toml")


def rating_words() -> RaterWords:
    """For those who rate one conversation's replies."""
    return _words("rating.toml")


@cache
def _words(file: str) -> RaterWords:
    text = (ASSETS / "care" / file).read_text(encoding="utf-8")
    return TypeAdapter(RaterWords).validate_python(tomllib.loads(text))


def document(
    title: str,
    body: str,
    *,
    again: int | None = None,
    script: bool = False,
    about: str = "Both replies are an AI’s",
) -> str:
    """A whole page. `again`: seconds until it is to be loaded anew; `script`: with `rate.js`;
    `about`: what stands beside the AI mark.
    """
    refresh = f'<meta http-equiv="refresh" content="{again}">' if again else ""
    code = f"<script>{_file('rate.js')}</script>" if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex"><meta name="color-scheme" content="light dark">'
        f"{refresh}<title>{esc(title)}</title>"
        f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml,{_icon()}">'
        f"<style>{_style()}</style><script>{DARK}</script></head><body>"
        f'<header class="rate-top"><span class="brand">{LOGO}<b>perm-chat</b></span>'
        f'<span class="ai-mark"><b aria-hidden="true">AI</b><span>{esc(about)}</span>'
        f"</span></header><main>{body}</main>{code}</body></html>"
    )


def trouble_page(error: PermError) -> str:
    body = (
        f'<section class="rate-card"><h1>{esc(error.what)}</h1>'
        f'<p class="lede">{esc(error.todo)}</p></section>'
    )
    return document("perm-chat", body)


@cache
def _style() -> str:
    own = sorted((ASSETS / "rate").glob("*.css"))
    sheets = [*(ASSETS / "style" / name for name in SHEETS), *own]
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


@cache
def _file(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _icon() -> str:
    return quote((ASSETS / "favicon.svg").read_text(encoding="utf-8").strip())
