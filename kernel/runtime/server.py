"""The web server: granian inside our own event loop, so that we decide how it stops."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import structlog

from kernel.contracts.errors import Unavailable
from kernel.runtime.settings import Settings

if TYPE_CHECKING:
    from litestar import Litestar

log = structlog.get_logger(__name__)
_GRACE = 30.0


async def serve(app: Litestar, settings: Settings, stop: asyncio.Event) -> None:
    """Serves the application until `stop`, then finishes the requests in hand.

    Raises:
        Unavailable: the port is taken.
        KernelError: whatever the application raises when it starts.
    """
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server.embed import Server

    port_is_free(settings)
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        # We run the lifespan, so that an error at start-up reaches whoever reads the terminal.
        interface=Interfaces.ASGINL,
        websockets=False,
        log_level=LogLevels.error,
        # Granian would set up handlers of its own: its lines go the way of ours.
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {}},
    )
    async with app.lifespan():
        log.info("web server listens", host=settings.host, port=settings.port)
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set():
            server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait_for(serving, _GRACE)
    if not stop.is_set():
        raise Unavailable(
            "The web server ended by itself.", "See the lines above, and start it again."
        )
    log.info("web server stopped")


def port_is_free(settings: Settings) -> None:
    """Returns when the address can be listened on.

    Raises:
        Unavailable: another program listens there, or this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(
                f"Cannot listen on {settings.host} port {settings.port} ({error.strerror}).",
                "Stop the program that listens there, or set MAILWRIGHT_PORT or MAILWRIGHT_HOST.",
            ) from error


async def wait_for_web(settings: Settings) -> None:
    """Returns once a web server listens on the address of `settings`."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    while True:
        try:
            _, writer = await asyncio.open_connection(host, settings.port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
