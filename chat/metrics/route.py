"""`GET /metrics`: for this machine alone, or for whoever has the token."""

from __future__ import annotations

import secrets
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, ProcessCollector, generate_latest
from starlette.exceptions import HTTPException

from chat.metrics.state import State
from chat.services import Services
from chat.web import LOOPBACK

FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")
"""What a proxy adds: the caller is then somebody else than who connected."""


def router(services: Services) -> APIRouter:
    """The route, over what the services' counting heard."""
    routes = APIRouter()
    registry = services.counting.registry
    registry.register(State(services))
    ProcessCollector(registry=registry)

    @routes.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        _admit(services, request)
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
        return Response(generate_latest(registry), headers=headers)

    return routes


def _admit(services: Services, request: Request) -> None:
    """Raises unless the caller has the token, or none is set and it is this machine itself."""
    settings = services.settings
    token = settings.metrics_token.get_secret_value()
    if token:
        given = request.headers.get("authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {token}".encode()):
            asked = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "The metrics ask for their token as a bearer token.", asked)
        return
    here = (
        settings.host in LOOPBACK
        and request.client is not None
        and request.client.host in LOOPBACK
        and not any(name in request.headers for name in FORWARDED)
    )
    if not here:
        raise HTTPException(
            403, "The metrics are for this machine alone. Elsewhere they need --metrics-token."
        )
