"""A stand-in for the hub: model listings and file ranges of local folders, and its bad days."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.serving import serving

COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"
PIECE: Final = 64 * 2**10

Day = Literal["good", "ignores ranges", "gated", "refuses", "fails", "hangs", "garbage"]


@dataclass
class HubStandIn:
    """Serves `models`, repository to folder. `sent`: bytes of files; `requests`: what came."""

    models: dict[str, Path] = field(default_factory=dict)
    day: Day = "good"
    elsewhere: str = ""
    """Where files are redirected to, as the hub does with large ones."""
    url: str = ""
    sent: int = 0
    requests: list[Request] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/models/{owner}/{name}", self.listing),
                Route("/api/models/{owner}/{name}/revision/{revision:path}", self.listing),
                Route("/{owner}/{name}/resolve/{revision}/{file:path}", self.file),
                Route("/{anything:path}", self.nothing),
            ]
        )

    async def listing(self, request: Request) -> Response:
        self.requests.append(request)
        if bad := await self._bad_day():
            return bad
        folder = self.models.get(f"{request.path_params['owner']}/{request.path_params['name']}")
        if folder is None:  # what the hub answers to strangers
            return Response(status_code=401, headers={"X-Error-Code": "RepoNotFound"})
        if request.path_params.get("revision", "main") not in {"main", COMMIT}:
            return Response(status_code=404, headers={"X-Error-Code": "RevisionNotFound"})
        siblings: list[dict[str, object]] = [{"rfilename": "original/params.json", "size": 5}]
        siblings += [
            {"rfilename": path.name, "size": path.stat().st_size}
            for path in sorted(folder.iterdir())
        ]
        return JSONResponse({"id": "x", "sha": COMMIT, "siblings": siblings})

    async def nothing(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(status_code=404)

    async def _bad_day(self) -> Response | None:
        match self.day:
            case "gated":
                return Response(status_code=403, headers={"X-Error-Code": "GatedRepo"})
            case "refuses":
                return Response(status_code=403)
            case "fails":
                return Response(status_code=500)
            case "garbage":
                return Response("<html>It works!</html>")
            case "hangs":
                await asyncio.sleep(60)
        return None

    async def file(self, request: Request) -> Response:
        self.requests.append(request)
        if self.elsewhere:
            return RedirectResponse(self.elsewhere + request.url.path)
        parts = request.path_params
        path = self.models[f"{parts['owner']}/{parts['name']}"] / parts["file"]
        if parts["revision"] != COMMIT or not path.is_file():
            return Response(status_code=404, headers={"X-Error-Code": "EntryNotFound"})
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if asked is None or self.day == "ignores ranges":
            return StreamingResponse(self._pieces(request, path, 0, path.stat().st_size))
        start, last = int(asked[1]), min(int(asked[2]), path.stat().st_size - 1)
        if start > last:
            return Response(status_code=416)
        headers = {"Content-Range": f"bytes {start}-{last}/{path.stat().st_size}"}
        return StreamingResponse(self._pieces(request, path, start, last + 1), 206, headers)

    async def _pieces(
        self, request: Request, path: Path, start: int, stop: int
    ) -> AsyncIterator[bytes]:
        with path.open("rb") as opened:
            opened.seek(start)
            while start < stop and (piece := opened.read(min(PIECE, stop - start))):
                await asyncio.sleep(0)  # the client's turn: it may have heard enough
                if await request.is_disconnected():
                    return
                start += len(piece)
                self.sent += len(piece)
                yield piece


@asynccontextmanager
async def running(hub: HubStandIn) -> AsyncIterator[HubStandIn]:
    """The stand-in on a free port of this machine; `url` is its address."""
    async with serving(hub.app) as hub.url:
        yield hub
