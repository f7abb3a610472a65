"""The composition root: `python app.py` serves perm-chat."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Iterator
from typing import Final

import typer
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from uvicorn.loops.auto import auto_loop_factory

from chat import api, api_judging, downloads
from chat.cli import cli, for_people
from chat.cli.options import with_settings
from chat.cli.starting import tell
from chat.logs.setup import set_up
from chat.metrics import route as metrics
from chat.services import Services
from chat.settings import LogFormat, Settings, SettingsError
from chat.traffic import Traffic
from chat.visitors import Visitors, administers, owner_of
from chat.web import LOOPBACK, Gate

log: Final = logging.getLogger("app")

PATIENCE = 3
"""Seconds that open streams get when the app is asked to end."""


def build(services: Services) -> FastAPI:
    """The web application: API and page behind one gate."""
    from chat import ui  # noqa: PLC0415 - gradio takes seconds: commands must not wait for it

    app = FastAPI(title="perm-chat", docs_url=None, redoc_url=None, openapi_url=None)
    # before what is not found under /api
    app.include_router(downloads.router(services, owner_of, administers))
    app.include_router(metrics.router(services))
    app.include_router(api_judging.router(services, owner_of))
    app.include_router(api.router(services, owner_of))
    api.handle_errors(app)
    ui.mount(app, services, owner_of, administers)
    settings = services.settings
    app.add_middleware(
        Gate,
        hosts=LOOPBACK if settings.host in LOOPBACK else None,
        visitors=Visitors(services.accounts if settings.login else None),
        traffic=Traffic(settings.requests_per_minute),
        page=ui.refusal_page,
    )
    return app


class Server(uvicorn.Server):
    """uvicorn, which ends in our order: what is being written is saved before its readers leave.

    uvicorn itself raises the signal once more when it has ended, which ends the process before
    anything after `serve` is done.
    """

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A first SIGTERM or Ctrl-C asks the server to end; one that comes after it ends all."""
        asked = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.signal(one, self.handle_exit) for one in asked}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._services.session.close()
        await super().shutdown(sockets)


async def _serve(settings: Settings) -> None:
    services = await Services.start(settings)
    try:
        if settings.login and not await services.accounts.listed():
            raise SettingsError(
                "Nobody could log in: there are no accounts.",
                "Add one first: perm-chat accounts add NAME.",
            )
        config = uvicorn.Config(
            build(services),
            host=settings.host,
            port=settings.port,
            log_config=None,  # its lines go where ours go
            log_level="warning",
            access_log=False,  # addresses hold conversation ids
            timeout_graceful_shutdown=PATIENCE,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies,
        )
        gc.freeze()  # what was loaded stays: the collector need not walk it while replies stream
        telling = _tell_people(services)
        await Server(config, services).serve()
        for task in telling:
            task.cancel()
    finally:
        await services.stop()


def _tell_people(services: Services) -> list[asyncio.Task[None]]:
    """Where it is and how the engines come up, unless a program reads along: the log says it."""
    settings = services.settings
    if settings.log_format is LogFormat.JSON:
        log.info("serving", extra={"host": settings.host, "port": settings.port})
        return []
    console = Console(stderr=True)
    console.print(f"perm-chat is at http://{settings.host}:{settings.port}", highlight=False)
    for line in _warnings(settings):
        console.print(line, highlight=False)
    return [asyncio.create_task(tell(engine, console)) for engine in services.engines]


def _warnings(settings: Settings) -> list[str]:
    """What it means to be reached from elsewhere."""
    if settings.host in LOOPBACK:
        return []
    open_to_all = (
        "Everybody who reaches this address can talk here and use the model: there is no password "
        "(--login asks for one). Each browser sees its own conversations alone."
    )
    in_the_clear = "Without TLS in front, whatever is said can be read on its way" + (
        ", passwords too." if settings.login else "."
    )
    return [*([] if settings.login else [open_to_all]), in_the_clear]


def _check_address(settings: Settings) -> None:
    """Refuse what would fail, or surprise, after the models have been loaded."""
    if settings.host not in LOOPBACK and not (settings.public or settings.login):
        raise SettingsError(
            f"Listening on {settings.host} lets everybody who reaches this machine talk here "
            "and use its model; there is no password.",
            "Say --login and add accounts (perm-chat accounts add NAME); or --public if you mean "
            "that; or put a server with a login in front.",
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"Port {settings.port} on {settings.host} cannot be used: {error.strerror}.",
                "End what uses it, or choose another with --port.",
            ) from None


@with_settings
def serve(settings: Settings) -> None:
    """Serve the page and the API."""
    set_up(settings.log_level, settings.log_format)
    _check_address(settings)
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_serve(settings))


cli.command("serve")(for_people(serve))


def main() -> None:
    """The `perm-chat` command."""
    cli()


if __name__ == "__main__":
    typer.run(for_people(serve))
