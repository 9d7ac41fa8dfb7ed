"""What the fakes' server does to connections beyond what a fault of either fake shows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from kernel.testing.fake_http import Answer, Request, Server

LINES = 20_000


async def test_a_slow_client_is_not_run_ahead_of() -> None:
    made = 0

    def lines() -> Iterator[bytes]:
        nonlocal made
        while made < LINES:
            made += 1
            yield b"x" * 999 + b"\n"

    server = Server(lambda request: Answer(lines=lines()))
    await server.start()
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    before = -1
    while made != before:  # as much as the system's buffers hold
        before = made
        await asyncio.sleep(0.2)
    assert 0 < made < LINES
    whole = await reader.read()
    assert made == LINES and whole.count(b"\n", whole.index(b"\r\n\r\n")) > LINES
    writer.close()
    await server.stop()


async def test_requests_in_one_packet_are_answered_in_their_order() -> None:
    async def later(request: Request) -> Answer:
        await asyncio.sleep(0.05)
        return Answer(body=request.path.encode())

    server = Server(lambda r: later(r) if r.path == "/slow" else Answer(body=r.path.encode()))
    await server.start()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /slow HTTP/1.1\r\n\r\nGET /fast HTTP/1.1\r\nConnection: close\r\n\r\n")
    whole = await reader.read()
    assert whole.index(b"/slow") < whole.index(b"/fast")
    writer.close()
    await server.stop()


async def test_a_port_that_refuses_stays_ours() -> None:
    server = Server(lambda request: Answer(204))
    await server.start()
    port = server.port
    server.refuse()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((server.host, port))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(server.host, port)
    server.accept()
    reader, writer = await asyncio.open_connection(server.host, port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert b"204" in await reader.readline()
    writer.close()
    await server.stop()
