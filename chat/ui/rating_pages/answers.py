"""What the rating pages answer with: a page, a way on, or an error for people as a page."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final
from uuid import UUID

from starlette.responses import HTMLResponse, RedirectResponse, Response

from chat.limits import Refused
from chat.store import NotFound
from chat.ui.rating_pages.frame import trouble_page
from perm.types import PermError

SEE_OTHER: Final = 303
PRIVATE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
"""Under the app's own `no-referrer` a browser sends forms with `Origin: null`, which the gate
refuses; this way the origin is sent, and the token in the address still goes to nobody else.
"""


async def told(work: Awaitable[Response]) -> Response:
    """An error for people as a page, with the status that fits."""
    try:
        return await work
    except NotFound:
        lost = Refused("This link leads nowhere.", "Ask whoever gave it to you for the right one.")
        return html_page(trouble_page(lost), 404)
    except PermError as error:
        return html_page(trouble_page(error), 400 if isinstance(error, Refused) else 503)


def html_page(page: str, status: int = 200) -> Response:
    return HTMLResponse(page.encode("utf-8", "replace"), status, headers=PRIVATE)


def go(address: str) -> Response:
    return RedirectResponse(address, SEE_OTHER, headers=PRIVATE)


def uuid_in(text: str, kind: str) -> UUID:
    """The id that a form sent. Raises `NotFound` of that kind for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(kind) from None
