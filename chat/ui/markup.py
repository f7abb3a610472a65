"""Text into HTML, safely: every builder of this package writes foreign text through here.

`gr.HTML` shows its value as it stands, so escaping is ours (UI.md, fact 2). Gradio's templates give
`${`, `{{` and the backtick a meaning; they are written as entities too, should a value ever pass
through one.
"""

from __future__ import annotations

import html
import re
from typing import Final

_TEMPLATE: Final = str.maketrans({"$": "&#36;", "`": "&#96;", "{": "&#123;", "}": "&#125;"})
_BROKEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_OPENS_ENTITY: Final = re.compile(r"&(?=[#A-Za-z0-9])")
_OPENS_TAG: Final = re.compile(r"<(?=[A-Za-z/!?])")
_HEADING: Final = re.compile(r"^ {0,3}#{1,6} +", re.MULTILINE)
_BULLET: Final = re.compile(r"^( *)[*+-] +", re.MULTILINE)
_STRONG: Final = re.compile(r"(\*\*|__)(?=\S)([^\n]{1,500}?)(?<=\S)\1")


def clean(text: str) -> str:
    """The text without what cannot be sent or shown: control characters, lone surrogates."""
    return _BROKEN.sub("\N{REPLACEMENT CHARACTER}", text)


def esc(text: object) -> str:
    """Foreign text for use between tags or inside a quoted attribute."""
    return html.escape(clean(str(text)), quote=True).translate(_TEMPLATE)


def paragraphs(text: str) -> str:
    """Foreign text as paragraphs, line breaks kept."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    return "".join(f"<p>{esc(block).replace(chr(10), '<br>')}</p>" for block in blocks)


def chat_text(text: str) -> str:
    """Foreign text as the value of a chat message: shown as text, and copied as it was written.

    The chatbot renders no Markdown but does parse HTML, so exactly those `<` and `&` are escaped
    that would open a tag or an entity (HTML standard, 13.2.5); `<3` and `you & me` stay.
    """
    return _OPENS_TAG.sub("&lt;", _OPENS_ENTITY.sub("&amp;", clean(text)))


def plain(text: str) -> str:
    """A model's reply without Markdown's marks: headings, bold, and bullets as real bullets."""
    text = _HEADING.sub("", text)
    text = _STRONG.sub(r"\2", text)
    return _BULLET.sub(r"\1• ", text)


def shorten(text: str, length: int) -> str:
    """The text on one line of at most `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
