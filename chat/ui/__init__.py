"""The pages. Builders of HTML are pure; handlers do what is asked and know who asks; each file of
`pages` joins the two. The chat page's parts (`parts`, `wiring`, `talking`, ...) lie here beside it.

`mount` is the only door: the composition root gives it the web app, the services and the function
that says who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request

from chat.services import Services
from chat.settings import ROOT
from chat.ui import look
from chat.ui.desk import Desk
from chat.ui.login_pages.routes import login_routes
from chat.ui.navigation import Link, navigation
from chat.ui.pages import PAGES
from chat.ui.pages.page import Page, links
from chat.ui.rating_pages.frame import trouble_page
from chat.ui.rating_pages.routes import rating_routes
from chat.ui.rating_pages.turn_routes import turn_routes
from perm.types import PermError

ASSETS: Final = ROOT / "assets"
TITLE: Final = "perm-chat"
WAITING_PAGES: Final = 200
"""How many events may wait in the queue; more are refused, and the page says so."""

EVENTS_AT_ONCE: Final = 40


ACCOUNT: Final = Link(name="Account", path="account")
"""In the navigation where people log in."""


def nobody(_: gr.Request) -> bool:
    return False


def build_pages(
    services: Services,
    owner_of: Callable[[gr.Request], str],
    pages: Sequence[Page] = PAGES,
    administers: Callable[[gr.Request], bool] = nobody,
) -> gr.Blocks:
    """All pages. `owner_of` is asked in every handler, `administers` where all are."""
    ways = (*links(pages), *([ACCOUNT] if services.settings.login else []))
    blocks = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    for page in pages:
        desk = Desk(services, owner_of, navigation(ways, page.path), administers)
        route = blocks.route(page.name, page.path, show_in_navbar=False) if page.path else blocks
        with route:
            page.build(blocks, desk)
    blocks.queue(max_size=WAITING_PAGES, default_concurrency_limit=EVENTS_AT_ONCE, api_open=False)
    return blocks


def mount(
    app: FastAPI,
    services: Services,
    owner_of: Callable[[Request], str],
    administers: Callable[[Request], bool],
) -> None:
    """Serve the pages at `/` of `app`, those of raters under `/rate`, and those of the login."""
    app.include_router(login_routes(services))
    app.include_router(rating_routes(services, owner_of))
    app.include_router(turn_routes(services, owner_of))
    blocks = build_pages(
        services,
        lambda request: owner_of(_asked(request)),
        administers=lambda request: administers(_asked(request)),
    )
    gr.mount_gradio_app(
        app,
        blocks,
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


def refusal_page(error: PermError) -> str:
    """What a browser shows that was not let through."""
    return trouble_page(error)
