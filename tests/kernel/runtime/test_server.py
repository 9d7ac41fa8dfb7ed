"""The web server answers, and stops without dropping a request."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest
from litestar import Litestar, get

from kernel.contracts.errors import Unavailable
from kernel.runtime.server import port_is_free, serve
from kernel.runtime.settings import Settings, load_settings


@get("/slow")
async def slow() -> str:
    """Takes its time."""
    await asyncio.sleep(0.5)
    return "done"


def settings(tmp_path: Path) -> Settings:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    return load_settings({"MAILWRIGHT_PORT": str(port), "MAILWRIGHT_DATA_DIR": str(tmp_path)})


async def connected(here: Settings) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(here.host, here.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


async def test_a_stop_finishes_the_requests_in_hand(tmp_path: Path) -> None:
    here = settings(tmp_path)
    events: list[str] = []
    app = Litestar(
        [slow],
        on_startup=[lambda: events.append("up")],
        on_shutdown=[lambda: events.append("down")],
        logging_config=None,
    )
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, here, stop))
    await connected(here)
    async with httpx.AsyncClient(base_url=f"http://{here.host}:{here.port}") as client:
        request = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.2)
        stop.set()
        assert (await request).text == "done"
        # An idle kept-alive connection does not hold us up.
        async with asyncio.timeout(5):
            await serving
        with pytest.raises(httpx.HTTPError):
            await client.get("/slow")
    assert events == ["up", "down"]


async def test_an_error_at_start_up_reaches_the_caller(tmp_path: Path) -> None:
    def refuse() -> None:
        raise Unavailable("No database.", "Start one.")

    app = Litestar([slow], on_startup=[refuse], logging_config=None)
    with pytest.raises((ExceptionGroup, Unavailable)) as caught:
        await serve(app, settings(tmp_path), asyncio.Event())
    found = caught.value
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, Unavailable)


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    here = settings(tmp_path)
    with socket.socket() as other:
        other.bind((here.host, here.port))
        other.listen()
        with pytest.raises(Unavailable, match=str(here.port)) as caught:
            port_is_free(here)
    assert "MAILWRIGHT_PORT" in caught.value.fix
    port_is_free(here)
