"""The web application, served over HTTP as in production, so that others can post to it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kernel.runtime.server import serve, wait_for_web
from kernel.runtime.settings import load_settings
from kernel.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.chaos.world import World


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """Its address, for the length of the block."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    settings = load_settings(
        {"MAILWRIGHT_PORT": str(port), "MAILWRIGHT_DATA_DIR": str(world.folder)}
    )
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(create_app(world.core), settings, stop))
    try:
        await wait_for_web(settings)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await serving
