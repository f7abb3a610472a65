"""The pages. Builders of HTML are pure; the handlers (`talking`, `browsing`,
`rating`) do what is asked; `wiring` joins them to the components of `parts`.

`mount` is the only door: the composition root gives it the web app, the services and the function
that says who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request

from chat.services import Services
from chat.settings import ROOT
from chat.ui import look
from chat.ui.browsing import Browsing
from chat.ui.desk import Desk
from chat.ui.lists import personas
from chat.ui.parts import lay_out
from chat.ui.wiring import connect

ASSETS: Final = ROOT / "assets"
TITLE: Final = "perm-chat"
WAITING_PAGES: Final = 200
"""How many events may wait in the queue; more are refused, and the page says so."""

EVENTS_AT_ONCE: Final = 40


def build_page(
    services: Services, owner_of: Callable[[gr.Request], str], assets: Path = ASSETS
) -> gr.Blocks:
    """The chat page. `owner_of` is asked in every handler."""
    examples = personas(assets / "personas.json")
    page = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with page:
        parts = lay_out(examples, services.settings.max_message_chars, services.settings.reward)
        desk = Desk(services, owner_of)
        connect(page, parts, desk, Browsing(desk, examples))
    page.queue(max_size=WAITING_PAGES, default_concurrency_limit=EVENTS_AT_ONCE, api_open=False)
    return page


def mount(app: FastAPI, services: Services, owner_of: Callable[[Request], str]) -> None:
    """Serve the page at `/` of `app`."""
    page = build_page(services, lambda request: owner_of(_asked(request)))
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=look.theme(),
        css=look.style(ASSETS),
        head=look.head(ASSETS),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
    )


def _asked(request: gr.Request) -> Request:
    """The web request behind Gradio's own; a call that has none came from no visitor."""
    if request.request is None:
        raise PermissionError("a page event without a web request")
    return request.request
