"""Whose page a page is. Gradio knows it by an id that the browser made up and nobody guards.

Whoever comes with the id first is its owner, as long as the app remembers; for anybody else it is
not there. Without this, another one who learned it could read what the server sends to that page.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from starlette.types import Scope

REMEMBERED: Final = 50_000
HEARTBEAT: Final = "/gradio_api/heartbeat/"
EVENTS: Final = "/gradio_api/"
FIELD: Final = "session_hash"


class PageSessions:
    """The pages that were seen last, each with its owner."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._remembered = remembered

    def is_anothers(self, scope: Scope, body: bytes, owner: str) -> bool:
        """Whether the request is about a page that is another owner's."""
        return any(self._owner(one, owner) != owner for one in named(scope, body))

    def _owner(self, session: str, owner: str) -> str:
        found = self._owners.setdefault(session, owner)
        self._owners.move_to_end(session)
        if len(self._owners) > self._remembered:
            self._owners.popitem(last=False)
        return found


def named(scope: Scope, body: bytes) -> set[str]:
    """The pages that a request names, in its path, its query and its body."""
    path = str(scope["path"])
    if not path.startswith(EVENTS):
        return set()
    found = set(parse_qs(scope.get("query_string", b"").decode("latin-1")).get(FIELD, ()))
    if path.startswith(HEARTBEAT):
        found.add(path.removeprefix(HEARTBEAT).strip("/"))
    if body:
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):  # Gradio refuses it too
            said = None
        if isinstance(said, Mapping) and said.get(FIELD) is not None:
            found.add(str(said[FIELD]))
    return found
