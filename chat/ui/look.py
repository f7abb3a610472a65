"""What the page looks like and what stands in its head. Nothing is loaded from another host."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote

import gradio as gr

FONT: Final = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
MONO: Final = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

TEAL: Final = gr.themes.Color(
    c50="#eff6f6", c100="#dbebeb", c200="#b9d8d8", c300="#8fbfc0", c400="#5f9fa2", c500="#3f8286",
    c600="#2f686d", c700="#285459", c800="#244549", c900="#1f383c", c950="#0f2023", name="teal",
)  # fmt: skip
STONE: Final = gr.themes.Color(
    c50="#fafaf8", c100="#f4f3f0", c200="#e7e5e0", c300="#d6d3cc", c400="#a8a49b", c500="#78746c",
    c600="#57534d", c700="#3f3d39", c800="#27272a", c900="#1f1f22", c950="#18181b", name="stone",
)  # fmt: skip


SCRIPTS: Final = ("page.js", "rating.js")
"""Of assets, those that run on the app's own pages."""


def theme() -> gr.themes.Base:
    """Gradio's plainest theme with our neutrals; assets/style does the rest."""
    return gr.themes.Base(
        primary_hue=TEAL, secondary_hue=TEAL, neutral_hue=STONE, font=FONT, font_mono=MONO
    )


def style(assets: Path) -> str:
    """The style sheets of assets/style in the order of their names: later ones refine earlier."""
    sheets = sorted((assets / "style").glob("*.css"))
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def head(assets: Path) -> str:
    """Icon as a data URI (no request), the browser's own colours, no guessed telephone numbers."""
    script = "\n".join((assets / name).read_text(encoding="utf-8") for name in SCRIPTS)
    icon = quote((assets / "favicon.svg").read_text(encoding="utf-8").strip())
    return (
        f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml,{icon}">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="theme-color" content="#fafaf8" media="(prefers-color-scheme: light)">'
        '<meta name="theme-color" content="#18181b" media="(prefers-color-scheme: dark)">'
        '<meta name="format-detection" content="telephone=no">'
        f"<script>{script}</script>"
    )
